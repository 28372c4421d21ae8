-- An entry of a person the account may act for.  $1 account_id uuid  $2 entry_id bigint
SELECT e.entry_id, e.campaign_id, e.state, e.tier, e.clinics, c.state AS campaign_state, o.offer_id
FROM waitlist_entries e JOIN campaigns c USING (campaign_id)
     JOIN guardianships g ON g.person_id = e.person_id AND g.account_id = $1 AND g.ended_at IS NULL
     LEFT JOIN LATERAL (SELECT f.offer_id FROM offers f WHERE f.entry_id = e.entry_id ORDER BY f.made_at DESC LIMIT 1) AS o ON true
WHERE e.entry_id = $2
