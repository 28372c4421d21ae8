-- Who takes part in a draw: all that wait when registration closes; the campaign must be taken.  $1 campaign_id bigint
SELECT tier, ticket FROM waitlist_entries WHERE campaign_id = $1 AND state = 'waiting' ORDER BY ticket COLLATE "C"
