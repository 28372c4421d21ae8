-- Put a new refresh token in the place of the old; the old one never works again. No row: unknown, ended or locked.
-- $1 old_digest bytea  $2 new_digest bytea  $3 ttl_s integer
UPDATE login_sessions s
SET refresh_digest = $2, expires_at = statement_timestamp() + make_interval(secs => $3::integer)
FROM accounts a
WHERE s.refresh_digest = $1 AND s.revoked_at IS NULL AND s.expires_at > statement_timestamp()
  AND a.account_id = s.account_id AND a.status = 'active'
RETURNING s.login_session_id, s.account_id, a.phone_sealed
