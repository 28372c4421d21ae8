-- The breaker of codes by SMS: each window of the city, what was sent in it and until when it refuses (null: it does not).
SELECT b.window_s, b.most, coalesce(c.used, 0) AS used,
       CASE WHEN c.used >= b.most THEN c.started_at + make_interval(secs => b.window_s) END AS open_until
FROM velocity_budgets b
LEFT JOIN velocity_counters c
    ON (c.what, c.scope, c.window_s) = (b.what, b.scope, b.window_s)
    AND c.started_at + make_interval(secs => b.window_s) > statement_timestamp()
WHERE b.what = 'sms_code' AND b.scope = 'city' ORDER BY b.window_s
