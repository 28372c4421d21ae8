-- Add stock to a session. $1 session_id bigint; parallel arrays: $2 product_ids integer[]  $3 vials integer[]
-- $4 vial_sizes smallint[] (null: the product's)  $5 no_new_vial_from timestamptz[].  Unknown products add no row.
INSERT INTO session_stocks (session_id, product_id, vials, vial_size, no_new_vial_from)
SELECT $1, p.product_id, s.vials, coalesce(s.vial_size, p.vial_size), s.no_new_vial_from
FROM unnest($2::integer[], $3::integer[], $4::smallint[], $5::timestamptz[])
    AS s (product_id, vials, vial_size, no_new_vial_from)
    JOIN products p USING (product_id)
RETURNING stock_id
