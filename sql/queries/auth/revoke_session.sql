-- $1 login_session_id uuid
UPDATE login_sessions SET revoked_at = statement_timestamp() WHERE login_session_id = $1 AND revoked_at IS NULL
