-- Keep a page of a count, where nobody kept one meanwhile and it was not cancelled.
-- $1 count_id bigint  $2 last_person_before uuid  $3 last_person uuid  $4 state text  $5 total bigint  $6 people bigint
-- $7 unread bigint  $8 changed bigint  $9 counts jsonb  $10 why text
UPDATE programme_counts
SET last_person = $3, state = $4, total = $5, people = $6, unread = $7, changed = $8, counts = $9, why = $10
WHERE count_id = $1 AND last_person = $2 AND state IN ('waiting', 'running') RETURNING count_id
