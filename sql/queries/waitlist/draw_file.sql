-- A published file of a draw; null before its step.  $1 campaign_id bigint  $2 part text (announcement | tickets | result)
SELECT CASE $2::text WHEN 'announcement' THEN announcement WHEN 'tickets' THEN tickets WHEN 'result' THEN result END
FROM campaign_draws WHERE campaign_id = $1
