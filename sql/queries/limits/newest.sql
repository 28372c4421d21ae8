-- Of every rule the newest version, whatever it says, and the one that decides today, where that is another.
SELECT code, version, kind, series, most, within_days, pause_days, before_minutes, effective_from, effective_until, text_zh,
       districts, basis, active, reason, changed_by, changed_at, f.decides IS NOT NULL AS in_force
FROM claim_limits l
     LEFT JOIN (SELECT code, version, true AS decides FROM claim_limits_on((statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date)) AS f
         USING (code, version)
WHERE f.decides OR version = (SELECT max(n.version) FROM claim_limits n WHERE n.code = l.code)
ORDER BY code, version DESC
