-- What a receipt says of an entry of the account's people in a draw.  $1 account_id uuid  $2 entry_id bigint
SELECT c.campaign_id, c.title, e.ticket, e.tier, e.registered_at
FROM waitlist_entries e JOIN campaigns c USING (campaign_id)
     JOIN guardianships g ON g.person_id = e.person_id AND g.account_id = $1 AND g.ended_at IS NULL
WHERE e.entry_id = $2 AND c.mode = 'draw' AND e.state <> 'withdrawn'
