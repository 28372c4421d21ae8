-- The windows one may choose for an offer: its own, and those of the same clinic session with room.
-- $1 session_id bigint  $2 window_id bigint (the offer's own)
SELECT w.window_id, w.starts_at, w.ends_at, w.window_id = $2 AS kept, least(w.free, q.free) AS free
FROM windows w JOIN window_quotas q ON q.window_id = w.window_id AND q.channel = 'campaign'
WHERE w.session_id = $1 AND w.bookable_until > statement_timestamp()
  AND (w.window_id = $2 OR (w.free > 0 AND q.free > 0 AND q.bookable_from <= statement_timestamp()))
ORDER BY w.starts_at
