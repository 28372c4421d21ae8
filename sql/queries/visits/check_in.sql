-- Check a reservation in, once.  $1 claim_id uuid  $2 actor text
WITH came AS (
    UPDATE claims SET state = 'checked_in', changed_by = $2, changed_from = 'desk', change_reason = NULL
    WHERE claim_id = $1 AND state = 'confirmed'
    RETURNING claim_id
)
INSERT INTO visits (claim_id, checked_in_by) SELECT claim_id, $2 FROM came RETURNING claim_id
