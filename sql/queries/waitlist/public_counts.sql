-- How many people registered in a campaign and how many of them wait.  $1 campaign_id bigint
SELECT count(*)::integer AS registered, count(*) FILTER (WHERE e.state = 'waiting')::integer AS waiting,
       statement_timestamp() AS now
FROM waitlist_entries e WHERE e.campaign_id = $1
