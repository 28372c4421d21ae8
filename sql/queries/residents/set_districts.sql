-- Where one of an account's people lives and works; no row where the person is not theirs.
-- $1 account_id uuid  $2 person_id uuid  $3 residence_district text (null: not said)  $4 work_district text (null: not said)
UPDATE persons p SET residence_district = $3, work_district = $4, districts_declared_at = statement_timestamp()
FROM guardianships g
WHERE p.person_id = $2 AND p.status = 'active' AND g.person_id = p.person_id AND g.account_id = $1 AND g.ended_at IS NULL
RETURNING p.person_id
