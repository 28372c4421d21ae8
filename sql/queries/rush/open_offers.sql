-- Offers of a campaign that wait for an answer, and whose they are: what people are told by message.  $1 campaign_id bigint
SELECT o.offer_id, e.person_id FROM offers o JOIN waitlist_entries e USING (entry_id)
WHERE e.campaign_id = $1 AND o.state = 'open'
