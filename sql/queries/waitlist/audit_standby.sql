-- Every round of leftovers that passed over somebody nearer, or as near and earlier, who was willing at that moment and wanted that
-- clinic, without a skip (or, where skips were forgotten, as many as there were); every offer to somebody who was not willing.
WITH spans AS (
    SELECT entry_id, moment AS from_moment, lead(moment) OVER (PARTITION BY entry_id ORDER BY moment) AS to_moment, state, clinics,
           standby_district
    FROM waitlist_changes
), made AS (
    SELECT o.offer_id, o.round_id, d.moment, d.skips_forgotten, r.campaign_id, r.clinic_id, e.entry_id,
           (SELECT standby_km(s.standby_district, r.clinic_id) FROM spans s
            WHERE s.entry_id = e.entry_id AND s.state = 'waiting' AND s.from_moment < d.moment AND s.to_moment > d.moment) AS km,
           e.tier, coalesce(e.drawn_position, 2147483647) AS drawn, e.arrival
    FROM offers o JOIN offer_rounds d USING (round_id) JOIN campaign_releases r ON r.release_id = o.release_id
         JOIN waitlist_entries e USING (entry_id)
    WHERE r.leftover_of IS NOT NULL
), last_of_round AS (
    SELECT DISTINCT ON (round_id) * FROM made ORDER BY round_id, km DESC, tier DESC, drawn DESC, arrival DESC
), passed AS (
    SELECT l.round_id, l.offer_id, l.skips_forgotten, f.entry_id
    FROM last_of_round l
         JOIN waitlist_entries f ON f.campaign_id = l.campaign_id
         JOIN spans s ON s.entry_id = f.entry_id AND s.state = 'waiting' AND s.standby_district IS NOT NULL
              AND s.from_moment < l.moment AND (s.to_moment IS NULL OR s.to_moment > l.moment)
    WHERE (standby_km(s.standby_district, l.clinic_id), f.tier, coalesce(f.drawn_position, 2147483647), f.arrival)
              < (l.km, l.tier, l.drawn, l.arrival)
      AND (s.clinics = '{}' OR l.clinic_id = ANY (s.clinics))
      AND NOT EXISTS (SELECT FROM made m WHERE m.round_id = l.round_id AND m.entry_id = f.entry_id)
)
SELECT p.offer_id, p.entry_id AS passed_over
FROM passed p
WHERE p.skips_forgotten IS NULL
  AND NOT EXISTS (SELECT FROM offer_skips k WHERE k.round_id = p.round_id AND k.entry_id = p.entry_id)
UNION ALL
SELECT p.offer_id, min(p.entry_id)
FROM passed p
WHERE p.skips_forgotten IS NOT NULL
GROUP BY p.offer_id, p.skips_forgotten HAVING count(*) <> p.skips_forgotten
UNION ALL
SELECT m.offer_id, m.entry_id FROM made m WHERE m.km IS NULL
LIMIT 20
