-- A certificate as whoever verifies it may know it.  $1 number text
SELECT c.certificate_id, c.number, c.kind, c.issued_at, c.text_sealed, r.revoked_at, r.reason AS revoked_for,
       EXISTS (SELECT FROM immunization_records i
               WHERE i.person_id = c.person_id AND i.recorded_at > c.issued_at) AS changed_since
FROM certificates c LEFT JOIN certificate_revocations r USING (certificate_id)
WHERE c.number = $1
