-- The sessions that a room covers; returns how many there are of them.  $1 room_id bigint  $2 session_ids bigint[]
WITH covered AS (
    INSERT INTO room_sessions (room_id, session_id)
    SELECT $1, session_id FROM clinic_sessions WHERE session_id = ANY ($2) AND state = 'published' RETURNING 1
)
SELECT count(*) FROM covered
