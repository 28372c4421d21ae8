-- Every counter of some sessions, in the shape the cache copies.  $1 session_ids bigint[]
SELECT session_id, 'w:' || window_id AS field, version, free FROM windows WHERE session_id = ANY ($1::bigint[])
UNION ALL
SELECT w.session_id, 'q:' || q.window_id || ':' || q.channel, q.version, q.free
FROM windows w JOIN window_quotas q USING (window_id) WHERE w.session_id = ANY ($1::bigint[])
UNION ALL
SELECT session_id, 'v:' || stock_id, version, free FROM session_stocks WHERE session_id = ANY ($1::bigint[])
