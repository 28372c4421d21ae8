-- The second step of a draw: the list as it is published.  $1 campaign_id bigint  $2 tickets bytea  $3 entrants integer
UPDATE campaign_draws SET tickets = $2, entrants = $3, sealed_at = now() WHERE campaign_id = $1 AND tickets IS NULL
