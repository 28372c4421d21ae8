-- Entries of the people an account may act for, newest first, with the offer where there is one.
-- $1 account_id uuid  $2 entry_id bigint (null: all)
SELECT e.entry_id, e.ticket, e.tier, e.tier_reason, e.arrival, e.drawn_position, e.place, e.clinics, e.state,
       e.standby_district,       e.registered_at, e.ended_at, p.person_id, p.name_sealed, statement_timestamp() AS now,
       c.campaign_id, c.title, c.vaccine_code, v.name_zh AS vaccine_name, c.mode, c.state AS campaign_state, c.paused,
       c.closes_at, jsonb_array_length(c.tiers) AS tiers, o.offer_id, o.state AS offer_state, t.held_until AS answer_by
FROM guardianships g
     JOIN waitlist_entries e ON e.person_id = g.person_id
     JOIN persons p ON p.person_id = e.person_id
     JOIN campaigns c ON c.campaign_id = e.campaign_id
     JOIN vaccines v ON v.vaccine_code = c.vaccine_code
     LEFT JOIN LATERAL (SELECT f.offer_id, f.state FROM offers f WHERE f.entry_id = e.entry_id AND e.state <> 'waiting'
                        ORDER BY f.made_at DESC LIMIT 1) AS o ON true
     LEFT JOIN claims t ON t.claim_id = o.offer_id
WHERE g.account_id = $1 AND g.ended_at IS NULL AND ($2::bigint IS NULL OR e.entry_id = $2)
ORDER BY (e.ended_at IS NULL) DESC, e.entry_id DESC LIMIT 100
