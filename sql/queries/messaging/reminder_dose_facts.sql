-- What a message about due doses says, as things stand now; no row: unknown or nothing of it holds any more.
-- $1 notice_id uuid  $2 today date
-- stale: what is due must be worked out again before anything is said of it. A series that was booked meanwhile is left out.
SELECT r.kind, r.person_id, p.name_sealed, a.account_id, a.phone_sealed,
       d.stale_from <= $2 AS stale,
       array_agg(s.name_zh ORDER BY r.series) FILTER (
           WHERE s.status = CASE r.kind WHEN 'overdue' THEN 'OVERDUE' ELSE 'DUE' END AND s.next_dose = r.dose
             AND NOT EXISTS (SELECT FROM live_claims c WHERE c.person_id = r.person_id AND c.series = r.series)) AS names
FROM reminders r
     JOIN persons p ON p.person_id = r.person_id AND p.status = 'active'
     JOIN due_people d ON d.person_id = r.person_id
     LEFT JOIN due_doses s ON s.person_id = r.person_id AND s.series = r.series
     LEFT JOIN accounts a ON a.account_id = reminded_account(r.person_id, r.kind)
WHERE r.notice_id = $1
GROUP BY r.kind, r.person_id, p.name_sealed, a.account_id, a.phone_sealed, d.stale_from
