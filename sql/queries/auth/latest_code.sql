-- Why the latest code of a phone, purpose and device cannot be tried.
-- $1 phone_index bytea  $2 purpose text  $3 device_index bytea
SELECT used_at IS NULL AND expires_at > statement_timestamp() AND tries_left = 0 AS used_up
FROM login_codes WHERE phone_index = $1 AND purpose = $2 AND device_index = $3 ORDER BY created_at DESC LIMIT 1
