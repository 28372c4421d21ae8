-- What a message about an offer says, as things stand now.  $1 offer_id uuid
-- Told is the account that registered while it still acts for the person, else the one that first came to; null: nobody.
SELECT o.state, o.standby, e.person_id, p.name_sealed, a.account_id, a.phone_sealed, w.starts_at, w.ends_at, t.held_until AS answer_by,
       k.name AS clinic_name, v.name_zh AS vaccine_name
FROM offers o
     JOIN waitlist_entries e USING (entry_id)
     JOIN persons p USING (person_id)
     JOIN claims t ON t.claim_id = o.offer_id
     JOIN windows w ON w.window_id = t.window_id
     JOIN campaign_releases r USING (release_id)
     JOIN clinics k USING (clinic_id)
     JOIN vaccines v ON v.vaccine_code = e.vaccine_code
     LEFT JOIN accounts a ON a.account_id = (
         SELECT g.account_id FROM guardianships g WHERE g.person_id = e.person_id AND g.ended_at IS NULL
         ORDER BY g.account_id = e.account_id DESC, g.granted_at LIMIT 1)
WHERE o.offer_id = $1
