-- Sessions of today and later, closed ones too, in id order.  $1 after_session_id bigint  $2 at_most integer
SELECT session_id, cache_generation, CASE state WHEN 'published' THEN 'open' ELSE 'closed' END AS status
FROM clinic_sessions
WHERE session_date >= (now() AT TIME ZONE 'Asia/Shanghai')::date AND session_id > $1
ORDER BY session_id LIMIT $2
