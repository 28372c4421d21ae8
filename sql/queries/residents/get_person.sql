-- One person an account acts for.  $1 account_id uuid  $2 person_id uuid  $3 also_ended boolean (bindings that have ended)
SELECT p.person_id, p.name_sealed, p.document_type, p.document_sealed, p.birth_date, p.sex, g.relation, p.residence_district, p.work_district
FROM guardianships g JOIN persons p USING (person_id)
WHERE g.account_id = $1 AND g.person_id = $2 AND (g.ended_at IS NULL OR $3::boolean)
