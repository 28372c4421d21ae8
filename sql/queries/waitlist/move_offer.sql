-- Take another window for an offer that is still open; its claim and both windows must be locked.
-- $1 offer_id uuid  $2 window_id bigint  $3 actor text  $4 source text
UPDATE claims SET window_id = $2, changed_by = $3, changed_from = $4, change_reason = 'window chosen'
WHERE claim_id = $1 AND state = 'held' AND window_id <> $2
