-- Waitlists that may have a copy in the cache: how many wait, and whether the list is over.
SELECT c.campaign_id, c.state = 'ended' AS over,
       (SELECT count(*) FROM waitlist_entries e WHERE e.campaign_id = c.campaign_id AND e.state = 'waiting') AS waiting
FROM campaigns c WHERE c.state <> 'draft' AND (c.state <> 'ended' OR c.closes_at > now() - interval '90 days')
ORDER BY c.campaign_id
