-- Lock the counters of a release's clinic session, in the order everybody uses, and read what is free.
-- $1 session_id bigint  $2 stock_id bigint
-- One row per window that can still be offered, earliest first: window_id, bookable_until, free places, doses open.
WITH locked_windows AS MATERIALIZED (
    SELECT window_id, starts_at, bookable_until, free FROM windows WHERE session_id = $1
    ORDER BY window_id FOR NO KEY UPDATE
), locked_quotas AS MATERIALIZED (
    SELECT window_id, free FROM window_quotas
    WHERE window_id IN (SELECT window_id FROM locked_windows) AND channel = 'campaign'
    ORDER BY window_id FOR NO KEY UPDATE
), locked_stock AS MATERIALIZED (
    SELECT CASE WHEN no_new_vial_from <= clock_timestamp()
                THEN least(free, (vial_size - (held + booked) % vial_size) % vial_size) ELSE free END AS doses
    FROM session_stocks WHERE stock_id = $2 AND (SELECT count(*) FROM locked_quotas) >= 0
    FOR NO KEY UPDATE
)
SELECT w.window_id, w.bookable_until, least(w.free, q.free) AS free, s.doses
FROM locked_windows w JOIN locked_quotas q USING (window_id) CROSS JOIN locked_stock s
WHERE w.bookable_until > clock_timestamp() + interval '10 minutes' AND w.free > 0 AND q.free > 0
ORDER BY w.starts_at
