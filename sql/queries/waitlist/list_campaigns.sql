-- Campaigns that residents see, those that still take entries first.
SELECT c.campaign_id, c.title, c.vaccine_code, v.name_zh AS vaccine_name, c.mode, c.state, c.paused, c.opens_at, c.closes_at,
       c.clinics, c.eligible, c.tiers, c.offer_minutes, c.entropy_rule, statement_timestamp() AS now
FROM campaigns c JOIN vaccines v USING (vaccine_code)
WHERE c.state <> 'draft' AND (c.state <> 'ended' OR c.closes_at > now() - interval '90 days')
ORDER BY (c.state = 'published') DESC, c.closes_at, c.campaign_id LIMIT 200
