-- Give the dose of an open offer back, because the person declined it or withdrew.
-- $1 offer_id uuid  $2 reason text (declined | withdrawn)  $3 actor text  $4 source text
UPDATE claims SET state = 'released', ended_at = clock_timestamp(), changed_by = $3, changed_from = $4, change_reason = $2
WHERE claim_id = $1 AND state = 'held'
RETURNING window_id, channel, stock_id
