-- The member of staff behind a login session that still counts, with role and place as they are now.
-- $1 login_session_id uuid  $2 staff_id bigint
SELECT f.status, f.role, f.clinic_id, f.district_code FROM login_sessions s JOIN staff f USING (staff_id)
WHERE s.login_session_id = $1 AND s.staff_id = $2 AND s.revoked_at IS NULL AND s.expires_at > statement_timestamp()
