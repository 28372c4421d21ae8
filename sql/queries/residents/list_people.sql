-- The people an account acts for now; the account holder first, then in the order they were bound.  $1 account_id uuid
SELECT p.person_id, p.name_sealed, p.document_type, p.document_sealed, p.birth_date, p.sex, g.relation, p.residence_district, p.work_district
FROM guardianships g JOIN persons p USING (person_id)
WHERE g.account_id = $1 AND g.ended_at IS NULL
ORDER BY g.relation <> 'self', g.granted_at, p.person_id
