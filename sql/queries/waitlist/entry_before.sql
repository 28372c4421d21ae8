-- Who waits just before a place.  $1 campaign_id bigint  $2 place bigint
SELECT e.tier, e.arrival, e.drawn_position FROM waitlist_entries e
WHERE e.campaign_id = $1 AND e.state = 'waiting' AND e.place < $2 ORDER BY e.place DESC LIMIT 1
