-- Sessions that can still be booked, in id order.  $1 after_session_id bigint  $2 at_most integer
SELECT session_id FROM clinic_sessions
WHERE state = 'published' AND session_date >= (now() AT TIME ZONE 'Asia/Shanghai')::date AND session_id > $1
ORDER BY session_id LIMIT $2
