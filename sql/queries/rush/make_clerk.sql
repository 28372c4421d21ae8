-- A clerk of a rehearsal's clinic, logged in for an hour, with a password that nobody can enter.
-- $1 session_id bigint  $2 login_session_id uuid  $3 label text
WITH clerk AS (
    INSERT INTO staff (username, display_name, password_digest, role, clinic_id)
    SELECT 'rehearsal-' || $3::text, '演练', '!', 'clinic_staff', clinic_id FROM clinic_sessions WHERE session_id = $1
    RETURNING staff_id, clinic_id
), login AS (
    INSERT INTO login_sessions (login_session_id, staff_id, refresh_digest, expires_at)
    SELECT $2::uuid, staff_id, uuid_send($2), statement_timestamp() + interval '1 hour' FROM clerk
)
SELECT staff_id, clinic_id FROM clerk
