-- Turn an open offer into a reservation; its claim must be locked.  $1 offer_id uuid  $2 actor text  $3 source text
UPDATE claims SET state = 'confirmed', confirmed_at = clock_timestamp(), changed_by = $2, changed_from = $3, change_reason = NULL
WHERE claim_id = $1 AND state = 'held'
RETURNING window_id, channel, stock_id
