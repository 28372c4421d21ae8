-- The counters of some windows, channels and stocks as this transaction sees them, in the shape the cache copies.
-- $1 window_ids bigint[]  $2 channels text[]  $3 stock_ids bigint[]   (parallel arrays)
SELECT session_id, 'w:' || window_id AS field, version, free
FROM windows WHERE window_id = ANY ($1::bigint[])
UNION ALL
SELECT w.session_id, 'q:' || q.window_id || ':' || q.channel, q.version, q.free
FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::text[]) AS u (window_id, channel)) AS a
     CROSS JOIN LATERAL (SELECT * FROM window_quotas WHERE window_id = a.window_id AND channel = a.channel LIMIT 1) AS q
     CROSS JOIN LATERAL (SELECT session_id FROM windows WHERE window_id = a.window_id LIMIT 1) AS w
UNION ALL
SELECT session_id, 'v:' || stock_id, version, free
FROM session_stocks WHERE stock_id = ANY ($3::bigint[])
