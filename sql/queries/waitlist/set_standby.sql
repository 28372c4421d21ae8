-- Be willing to come for leftovers from a district, or no longer, while waiting; the campaign must be shared.
-- $1 entry_id bigint  $2 district text (null: not willing)  $3 actor text  $4 source text
UPDATE waitlist_entries SET standby_district = $2, changed_by = $3, changed_from = $4
WHERE entry_id = $1 AND state = 'waiting'
RETURNING entry_id
