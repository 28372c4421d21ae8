-- $1 account_id uuid  $2 person_id uuid
UPDATE guardianships SET ended_at = statement_timestamp()
WHERE account_id = $1 AND person_id = $2 AND ended_at IS NULL RETURNING person_id
