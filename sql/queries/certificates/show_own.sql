-- One certificate of somebody an account acts for.  $1 account_id uuid  $2 certificate_id uuid
SELECT c.certificate_id, c.number, c.kind, c.person_id, c.issued_at, c.text_sealed, c.print_sealed, p.name_sealed,
       r.revoked_at, r.reason AS revoked_for,
       EXISTS (SELECT FROM immunization_records i
               WHERE i.person_id = c.person_id AND i.recorded_at > c.issued_at) AS changed_since
FROM certificates c JOIN guardianships g USING (person_id) JOIN persons p USING (person_id)
     LEFT JOIN certificate_revocations r USING (certificate_id)
WHERE g.account_id = $1 AND c.certificate_id = $2 AND g.ended_at IS NULL
