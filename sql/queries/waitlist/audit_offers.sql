-- Offers, entries and claims that do not tell the same story.
SELECT o.offer_id, CASE WHEN c.claim_id IS NULL THEN 'no claim' WHEN c.person_id <> e.person_id THEN 'another person'
                        WHEN o.state = 'open' AND (c.state <> 'held' OR e.state <> 'offered') THEN 'open'
                        WHEN o.state = 'accepted' AND (NOT counts_as_booked(c.state) OR e.state NOT IN ('accepted', 'done'))
                            THEN 'accepted'
                        WHEN o.state IN ('declined', 'expired', 'withdrawn') AND (is_live(c.state) OR o.takes_dose
                                 OR (e.state <> o.state AND NOT o.standby)) THEN 'ended' ELSE 'took no dose' END AS what
FROM offers o LEFT JOIN claims c ON c.claim_id = o.offer_id LEFT JOIN waitlist_entries e USING (entry_id)
     LEFT JOIN campaign_releases r USING (release_id)
WHERE c.claim_id IS NULL OR c.person_id <> e.person_id
   OR (o.state = 'open' AND (c.state <> 'held' OR e.state <> 'offered' OR NOT o.takes_dose))
   OR (o.state = 'accepted' AND (NOT counts_as_booked(c.state) OR e.state NOT IN ('accepted', 'done')
                                 OR (c.stock_id = r.stock_id AND c.channel = 'campaign' AND NOT o.takes_dose)))
   OR (o.state IN ('declined', 'expired', 'withdrawn') AND (is_live(c.state) OR o.takes_dose OR (e.state <> o.state AND NOT o.standby)))
UNION ALL
SELECT NULL, 'entry ' || e.entry_id || ' says ' || e.state || ' without an offer'
FROM waitlist_entries e
WHERE e.state IN ('offered', 'accepted', 'declined', 'expired', 'done')
  AND NOT EXISTS (SELECT FROM offers o WHERE o.entry_id = e.entry_id)
UNION ALL
SELECT c.claim_id, 'a hold of the campaign with two entries'
FROM offers o JOIN claims c ON c.claim_id = o.offer_id GROUP BY c.claim_id HAVING count(*) > 1
LIMIT 20
