-- Let an account act for a person, or again after it had ended.  $1 account_id uuid  $2 person_id uuid  $3 relation text
INSERT INTO guardianships (account_id, person_id, relation) VALUES ($1, $2, $3)
ON CONFLICT (account_id, person_id) DO UPDATE SET relation = excluded.relation, granted_at = now(), ended_at = NULL
