-- Leave the line while waiting; the campaign must be shared.  $1 entry_id bigint  $2 actor text  $3 source text
UPDATE waitlist_entries SET state = 'withdrawn', ended_at = statement_timestamp(), changed_by = $2, changed_from = $3
WHERE entry_id = $1 AND state = 'waiting'
RETURNING entry_id
