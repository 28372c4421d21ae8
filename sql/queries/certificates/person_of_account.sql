-- One person an account acts for now, with what a certificate shows of them.  $1 account_id uuid  $2 person_id uuid
SELECT p.person_id, p.name_sealed, p.document_type, p.document_sealed, p.birth_date, p.sex
FROM guardianships g JOIN persons p USING (person_id)
WHERE g.account_id = $1 AND g.person_id = $2 AND g.ended_at IS NULL AND p.status = 'active'
