-- Windows of a day, in the order of their ids.  $1 day date  $2 after window_id bigint  $3 at_most integer
SELECT w.window_id FROM clinic_sessions s JOIN windows w USING (session_id)
WHERE s.session_date = $1 AND s.state = 'published' AND w.window_id > $2
ORDER BY w.window_id LIMIT $3
