-- Add the windows of new sessions and return their ids. $1 session ids, $2 starts, $3 ends, $4 bookable until,
-- $5 capacities (parallel arrays).
INSERT INTO windows (session_id, starts_at, ends_at, bookable_until, capacity)
SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::integer[])
RETURNING window_id, session_id, starts_at
