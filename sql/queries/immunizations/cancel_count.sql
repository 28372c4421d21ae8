-- Cancel the open count of a draft.  $1 draft_id bigint
UPDATE programme_counts SET state = 'cancelled'
WHERE draft_id = $1 AND state IN ('waiting', 'running') RETURNING count_id
