-- Every certificate that no longer counts, the first revoked first.
SELECT c.number, (r.revoked_at AT TIME ZONE 'Asia/Shanghai')::date AS revoked_on
FROM certificate_revocations r JOIN certificates c USING (certificate_id) ORDER BY r.revoked_at, c.number
