-- Draws that were made, as published.
SELECT campaign_id, tickets, result FROM campaign_draws WHERE result IS NOT NULL ORDER BY campaign_id
