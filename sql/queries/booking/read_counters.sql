-- The counters of some windows, channels and stocks as this transaction sees them, in the shape the cache copies.
-- $1 window_ids bigint[]  $2 channels text[]  $3 stock_ids bigint[]   (parallel arrays)
SELECT session_id, 'w:' || window_id AS field, version, free
FROM windows WHERE window_id = ANY ($1::bigint[])
UNION ALL
SELECT w.session_id, 'q:' || q.window_id || ':' || q.channel, q.version, q.free
FROM window_quotas q JOIN windows w USING (window_id)
WHERE (q.window_id, q.channel) IN (SELECT * FROM unnest($1::bigint[], $2::text[]))
UNION ALL
SELECT session_id, 'v:' || stock_id, version, free
FROM session_stocks WHERE stock_id = ANY ($3::bigint[])
