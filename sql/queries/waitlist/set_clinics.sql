-- Other clinics while waiting; the campaign must be shared.  $1 entry_id bigint  $2 clinics integer[]  $3 actor text  $4 source text
UPDATE waitlist_entries SET clinics = $2, changed_by = $3, changed_from = $4
WHERE entry_id = $1 AND state = 'waiting'
RETURNING entry_id
