-- How much was asked for lately from a device and a network, beside what is let through.
-- $1 what text  $2 device bytea  $3 network bytea
SELECT b.scope, b.window_s, b.most, c.used + c.refused AS seen
FROM velocity_counters c JOIN velocity_budgets b USING (what, scope, window_s)
WHERE c.what = $1 AND (c.scope, c.subject) IN (('device', $2::bytea), ('network', $3::bytea))
  AND c.started_at + make_interval(secs => c.window_s) > statement_timestamp()
