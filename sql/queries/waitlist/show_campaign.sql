-- One campaign as it stands.  $1 campaign_id bigint
SELECT c.campaign_id, c.title, c.vaccine_code, v.name_zh AS vaccine_name, c.mode, c.state, c.paused, c.opens_at, c.closes_at,
       c.clinics, c.eligible, c.tiers, c.offer_minutes, c.entropy_rule, statement_timestamp() AS now
FROM campaigns c JOIN vaccines v USING (vaccine_code)
WHERE c.campaign_id = $1
