-- An offer to a person the account may act for, and where its dose is.  $1 account_id uuid  $2 offer_id uuid
SELECT o.offer_id, o.entry_id, o.state, o.standby AS leftover, o.made_at, t.held_until AS answer_by, t.window_id, t.channel, t.stock_id,
       t.state::text AS claim_state, e.state AS entry_state, e.campaign_id, c.title, p.person_id, p.name_sealed,
       r.session_id, n.session_date, k.clinic_id, k.name AS clinic_name, k.address AS clinic_address, k.phone AS clinic_phone,
       v.vaccine_code, v.name_zh AS vaccine_name, d.product_id, d.name AS product_name, d.price_fen,
       statement_timestamp() AS now
FROM offers o
     JOIN waitlist_entries e USING (entry_id)
     JOIN guardianships g ON g.person_id = e.person_id AND g.account_id = $1 AND g.ended_at IS NULL
     JOIN persons p ON p.person_id = e.person_id
     JOIN campaigns c USING (campaign_id)
     JOIN claims t ON t.claim_id = o.offer_id
     JOIN campaign_releases r ON r.release_id = o.release_id
     JOIN clinic_sessions n ON n.session_id = r.session_id
     JOIN clinics k ON k.clinic_id = r.clinic_id
     JOIN session_stocks s ON s.stock_id = r.stock_id
     JOIN products d USING (product_id)
     JOIN vaccines v ON v.vaccine_code = d.vaccine_code
WHERE o.offer_id = $2
