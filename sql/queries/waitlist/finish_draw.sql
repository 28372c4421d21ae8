-- The third step of a draw: the result as it is published.  $1 campaign_id bigint  $2 result bytea
UPDATE campaign_draws SET result = $2, drawn_at = now() WHERE campaign_id = $1 AND result IS NULL
