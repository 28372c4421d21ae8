-- A draw in the hands of an officer.  $1 campaign_id bigint
SELECT campaign_id, secret_sealed, announcement, tickets, result IS NOT NULL AS drawn
FROM campaign_draws WHERE campaign_id = $1 FOR UPDATE
