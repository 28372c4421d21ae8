-- What a reminder of a reservation says, as things stand now.  $1 notice_id uuid
SELECT c.state::text AS state, c.person_id, p.name_sealed, w.starts_at, w.ends_at, k.name AS clinic_name,
       k.address AS clinic_address, v.name_zh AS vaccine_name, a.account_id, a.phone_sealed
FROM reminders r
     JOIN claims c USING (claim_id)
     JOIN persons p ON p.person_id = c.person_id
     JOIN windows w USING (window_id)
     JOIN clinic_sessions s ON s.session_id = w.session_id
     JOIN clinics k USING (clinic_id)
     JOIN session_stocks t ON t.stock_id = c.stock_id
     JOIN products d USING (product_id)
     JOIN vaccines v USING (vaccine_code)
     LEFT JOIN accounts a ON a.account_id = reminded_account(c.person_id, 'appointment')
WHERE r.notice_id = $1
