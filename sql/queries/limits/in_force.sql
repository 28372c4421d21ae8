-- The rules in force today.  $1 kind text
SELECT code, series, most, within_days, pause_days, before_minutes, effective_until, text_zh, districts, basis,
       statement_timestamp() AS now
FROM claim_limits_on((statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date)
WHERE kind = $1
ORDER BY code
