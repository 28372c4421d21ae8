-- Everybody who waits in a campaign.  $1 campaign_id bigint
SELECT entry_id, tier, drawn_position, arrival FROM waitlist_entries WHERE campaign_id = $1 AND state = 'waiting'
ORDER BY (drawn_position IS NULL)
