-- Campaigns as staff see them, newest first.  $1 campaign_id bigint (null: all)
SELECT c.campaign_id, c.title, c.vaccine_code, v.name_zh AS vaccine_name, c.mode, c.state, c.paused, c.opens_at, c.closes_at,
       c.clinics, c.eligible, c.tiers, c.offer_minutes, c.entropy_rule, c.created_at, statement_timestamp() AS now,
       (SELECT coalesce(jsonb_object_agg(state, times), '{}') FROM (
            SELECT state, count(*) AS times FROM waitlist_entries e WHERE e.campaign_id = c.campaign_id GROUP BY 1) AS tally)
           AS entries,
       d.announcement, d.entrants, d.sealed_at, d.drawn_at,
       (SELECT count(*)::integer FROM draw_readings r WHERE r.campaign_id = c.campaign_id) AS readings
FROM campaigns c JOIN vaccines v USING (vaccine_code) LEFT JOIN campaign_draws d USING (campaign_id)
WHERE $1::bigint IS NULL OR c.campaign_id = $1
ORDER BY c.campaign_id DESC LIMIT 200
