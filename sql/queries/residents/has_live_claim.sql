-- $1 person_id uuid
SELECT EXISTS (SELECT FROM live_claims WHERE person_id = $1)
