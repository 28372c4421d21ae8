-- The certificates of a person an account acts for, the newest first, at most 50.  $1 account_id uuid  $2 person_id uuid
-- changed_since: a record was added, corrected or taken away after it was issued.
SELECT c.certificate_id, c.number, c.kind, c.issued_at, r.revoked_at, r.reason AS revoked_for,
       EXISTS (SELECT FROM immunization_records i
               WHERE i.person_id = c.person_id AND i.recorded_at > c.issued_at) AS changed_since
FROM guardianships g JOIN certificates c USING (person_id)
     LEFT JOIN certificate_revocations r USING (certificate_id)
WHERE g.account_id = $1 AND g.person_id = $2 AND g.ended_at IS NULL
ORDER BY c.issued_at DESC, c.certificate_id LIMIT 50
