-- When each account logged in last on a device, newest first, of those within so many days.
-- $1 device_index bytea  $2 within_days integer
SELECT last_at, statement_timestamp() AS now FROM device_accounts
WHERE device_index = $1 AND last_at > statement_timestamp() - make_interval(days => $2::integer)
ORDER BY last_at DESC
