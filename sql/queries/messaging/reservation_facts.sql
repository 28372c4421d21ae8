-- What a message about a claim says, as things stand now.  $1 claim_id uuid
-- Told is the account that booked; where staff booked, the account that first came to act for the person.
SELECT c.state::text AS state, c.person_id, p.name_sealed, w.starts_at, w.ends_at, k.name AS clinic_name,
       k.address AS clinic_address, v.name_zh AS vaccine_name, a.account_id, a.phone_sealed
FROM claims c
     JOIN persons p USING (person_id)
     JOIN windows w USING (window_id)
     JOIN clinic_sessions s ON s.session_id = w.session_id
     JOIN clinics k USING (clinic_id)
     JOIN session_stocks t ON t.stock_id = c.stock_id
     JOIN products d USING (product_id)
     JOIN vaccines v USING (vaccine_code)
     LEFT JOIN accounts a ON a.account_id = coalesce(c.account_id, (
         SELECT g.account_id FROM guardianships g
         WHERE g.person_id = c.person_id AND g.ended_at IS NULL ORDER BY g.granted_at LIMIT 1))
WHERE c.claim_id = $1
