-- Set a stock in whole vials, never below the vials that claims have begun (P6, whole-vial rule).
-- $1 stock_id bigint  $2 wanted_vials integer  $3 no_new_vial_from timestamptz  $4 set_no_new_vial boolean
UPDATE session_stocks
SET vials = greatest($2::integer, (held + booked + vial_size - 1) / vial_size),
    no_new_vial_from = CASE WHEN $4 THEN $3 ELSE no_new_vial_from END
WHERE stock_id = $1
RETURNING vials AS limit, held, booked, free, version, vials - $2::integer AS kept_back
