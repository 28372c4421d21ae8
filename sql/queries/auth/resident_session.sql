-- The account behind a login session that still counts; no row: revoked, ended or unknown.
-- $1 login_session_id uuid  $2 account_id uuid
SELECT a.status FROM login_sessions s JOIN accounts a USING (account_id)
WHERE s.login_session_id = $1 AND s.account_id = $2 AND s.revoked_at IS NULL AND s.expires_at > statement_timestamp()
