-- An account logged in on a device.  $1 device_index bytea  $2 account_id uuid
INSERT INTO device_accounts (device_index, account_id) VALUES ($1, $2)
ON CONFLICT (device_index, account_id) DO UPDATE SET last_at = statement_timestamp()
