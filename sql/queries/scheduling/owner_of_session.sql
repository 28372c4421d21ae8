-- The clinic and state of a session, locked against being closed meanwhile.  $1 session_id bigint
SELECT session_id, clinic_id, state FROM clinic_sessions WHERE session_id = $1 FOR NO KEY UPDATE
