-- Add the stocks of new sessions. $1 session ids, $2 product ids, $3 vials, $4 vial sizes (doses), $5 instant from
-- which no new vial is begun, or null (parallel arrays).
INSERT INTO session_stocks (session_id, product_id, vials, vial_size, no_new_vial_from)
SELECT * FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::smallint[], $5::timestamptz[])
