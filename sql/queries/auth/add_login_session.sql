-- $1 login_session_id uuid  $2 account_id uuid (null: staff)  $3 staff_id bigint (null: resident)
-- $4 refresh_digest bytea  $5 ttl_s integer
INSERT INTO login_sessions (login_session_id, account_id, staff_id, refresh_digest, expires_at)
VALUES ($1, $2, $3, $4, statement_timestamp() + make_interval(secs => $5::integer))
