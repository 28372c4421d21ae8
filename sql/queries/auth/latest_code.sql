-- Why the latest code of a phone cannot be tried.  $1 phone_index bytea
SELECT used_at IS NULL AND expires_at > statement_timestamp() AND tries_left = 0 AS used_up
FROM login_codes WHERE phone_index = $1 ORDER BY created_at DESC LIMIT 1
