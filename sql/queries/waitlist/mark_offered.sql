-- Entries that are about to be offered a dose.  $1 entry_ids bigint[]
UPDATE waitlist_entries SET state = 'offered', changed_by = 'worker', changed_from = 'worker'
WHERE entry_id = ANY ($1::bigint[]) AND state = 'waiting'
RETURNING entry_id
