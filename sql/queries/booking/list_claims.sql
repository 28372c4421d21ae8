-- Claims of the people the account may act for, newest first.
-- $1 account_id uuid  $2 live boolean  $3 after_held_at timestamptz (null: from the top)  $4 after_claim_id uuid  $5 at_most integer
SELECT c.claim_id, c.hold_token, c.state::text AS state, c.held_at, c.held_until, c.confirmed_at, c.stock_id, c.window_id,
       c.channel, EXISTS (SELECT FROM offers o WHERE o.offer_id = c.claim_id) AS is_offer,
       (SELECT r.campaign_id FROM offers o JOIN campaign_releases r USING (release_id)
        WHERE o.offer_id = c.claim_id AND c.channel = 'campaign') AS campaign_id,
       (SELECT i.outcome FROM visits i WHERE i.claim_id = c.claim_id) AS outcome,
       p.person_id, p.name_sealed, w.session_id, w.starts_at, w.ends_at, now() AS now,
       k.clinic_id, k.name AS clinic_name, k.address AS clinic_address, k.phone AS clinic_phone,
       v.vaccine_code, v.name_zh AS vaccine_name, d.product_id, d.name AS product_name, d.price_fen,
       ARRAY(SELECT e.series FROM vaccine_series e WHERE e.vaccine_code = v.vaccine_code) AS series
FROM guardianships g
     JOIN claims c ON c.person_id = g.person_id
     JOIN persons p ON p.person_id = c.person_id
     JOIN windows w ON w.window_id = c.window_id
     JOIN clinic_sessions s ON s.session_id = w.session_id
     JOIN clinics k ON k.clinic_id = s.clinic_id
     JOIN session_stocks t ON t.stock_id = c.stock_id
     JOIN products d ON d.product_id = t.product_id
     JOIN vaccines v ON v.vaccine_code = d.vaccine_code
WHERE g.account_id = $1 AND g.ended_at IS NULL
  AND is_live(c.state) = $2
  AND ($3::timestamptz IS NULL OR (c.held_at, c.claim_id) < ($3, $4::uuid))
ORDER BY c.held_at DESC, c.claim_id DESC LIMIT $5
