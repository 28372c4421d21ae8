-- Stop booking of a session. Reservations stay.  $1 session_id bigint
UPDATE clinic_sessions SET state = 'closed', closed_at = now() WHERE session_id = $1 AND state = 'published'
RETURNING session_id
