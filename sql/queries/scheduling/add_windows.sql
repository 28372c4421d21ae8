-- Add windows to a session. $1 session_id bigint; parallel arrays: $2 starts timestamptz[]  $3 ends timestamptz[]
-- $4 bookable_until timestamptz[]  $5 capacities integer[].  Rows come back in the order given.
INSERT INTO windows (session_id, starts_at, ends_at, bookable_until, capacity)
SELECT $1, w.starts_at, w.ends_at, w.bookable_until, w.capacity
FROM unnest($2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::integer[]) WITH ORDINALITY
    AS w (starts_at, ends_at, bookable_until, capacity, n)
ORDER BY w.n
RETURNING window_id, starts_at
