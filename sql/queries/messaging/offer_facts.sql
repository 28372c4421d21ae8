-- What a message about an offer says, as things stand now; told is the account that registered.  $1 offer_id uuid
SELECT o.state, e.person_id, p.name_sealed, e.account_id, a.phone_sealed, w.starts_at, w.ends_at, t.held_until AS answer_by,
       k.name AS clinic_name, v.name_zh AS vaccine_name
FROM offers o
     JOIN waitlist_entries e USING (entry_id)
     JOIN persons p USING (person_id)
     JOIN accounts a USING (account_id)
     JOIN claims t ON t.claim_id = o.offer_id
     JOIN windows w ON w.window_id = t.window_id
     JOIN campaign_releases r USING (release_id)
     JOIN clinics k USING (clinic_id)
     JOIN vaccines v ON v.vaccine_code = e.vaccine_code
WHERE o.offer_id = $1
