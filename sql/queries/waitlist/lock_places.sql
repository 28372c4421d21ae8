-- Lock two windows, their shares of the campaign, and read what is free in the second, in the order everybody uses.
-- $1 window_id bigint (now)  $2 window_id bigint (wanted)
WITH locked_windows AS MATERIALIZED (
    SELECT window_id, session_id, free, bookable_until FROM windows WHERE window_id IN ($1::bigint, $2::bigint)
    ORDER BY window_id FOR NO KEY UPDATE
), locked_quotas AS MATERIALIZED (
    SELECT window_id, free, bookable_from FROM window_quotas
    WHERE window_id IN ($1::bigint, $2::bigint) AND channel = 'campaign' AND (SELECT count(*) FROM locked_windows) >= 0
    ORDER BY window_id FOR NO KEY UPDATE
)
SELECT w.session_id, least(w.free, q.free) AS free, w.bookable_until <= clock_timestamp() AS over
FROM locked_windows w JOIN locked_quotas q USING (window_id)
WHERE w.window_id = $2
