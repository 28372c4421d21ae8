-- The session and clinic of a window, the session locked against being closed meanwhile.  $1 window_id bigint
SELECT s.session_id, s.clinic_id, s.state FROM windows w JOIN clinic_sessions s USING (session_id)
WHERE w.window_id = $1 FOR NO KEY UPDATE OF s
