-- A certificate of today that says the same and still counts.  $1 person_id uuid  $2 content_index bytea
SELECT c.certificate_id FROM certificates c
WHERE c.person_id = $1 AND c.content_index = $2
  AND (c.issued_at AT TIME ZONE 'Asia/Shanghai')::date = (statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date
  AND NOT EXISTS (SELECT FROM certificate_revocations r WHERE r.certificate_id = c.certificate_id)
ORDER BY c.issued_at DESC LIMIT 1
