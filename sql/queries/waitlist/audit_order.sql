-- Every offer that somebody earlier, who waited at that moment and wanted that clinic, was passed over for without a skip (P4).
-- Order is computed anew from tier, place in the draw and arrival; who waited, from the changes on record. Leftovers have
-- an order of their own: audit_standby.
WITH made AS (
    SELECT o.offer_id, o.round_id, d.moment, r.campaign_id, r.clinic_id, e.entry_id, e.tier,
           coalesce(e.drawn_position, 2147483647) AS drawn, e.arrival
    FROM offers o JOIN offer_rounds d USING (round_id) JOIN campaign_releases r ON r.release_id = o.release_id
         JOIN waitlist_entries e USING (entry_id)
    WHERE r.leftover_of IS NULL
), last_of_round AS (
    SELECT DISTINCT ON (round_id) * FROM made ORDER BY round_id, tier DESC, drawn DESC, arrival DESC
), spans AS (
    SELECT entry_id, moment AS from_moment, lead(moment) OVER (PARTITION BY entry_id ORDER BY moment) AS to_moment, state, clinics
    FROM waitlist_changes
)
SELECT l.offer_id, f.entry_id AS passed_over
FROM last_of_round l
     JOIN waitlist_entries f ON f.campaign_id = l.campaign_id
          AND (f.tier, coalesce(f.drawn_position, 2147483647), f.arrival) < (l.tier, l.drawn, l.arrival)
     JOIN spans s ON s.entry_id = f.entry_id AND s.state = 'waiting' AND s.from_moment < l.moment
          AND (s.to_moment IS NULL OR s.to_moment > l.moment)
WHERE (s.clinics = '{}' OR l.clinic_id = ANY (s.clinics))
  AND NOT EXISTS (SELECT FROM made m WHERE m.round_id = l.round_id AND m.entry_id = f.entry_id)
  AND NOT EXISTS (SELECT FROM offer_skips k WHERE k.round_id = l.round_id AND k.entry_id = f.entry_id)
LIMIT 20
