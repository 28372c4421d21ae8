-- The day of a window; null for a window that is not there.  $1 window_id bigint
SELECT (SELECT c.session_date FROM windows JOIN clinic_sessions c USING (session_id) WHERE window_id = $1)
