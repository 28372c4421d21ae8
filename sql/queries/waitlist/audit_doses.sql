-- Releases with more claims that hold or have used a dose than doses, counted from the claims themselves. A reservation
-- that was moved to a place of another channel is no longer the campaign's.
SELECT r.release_id, r.doses, count(*)::integer AS taking
FROM campaign_releases r JOIN offers o USING (release_id) JOIN claims c ON c.claim_id = o.offer_id AND c.stock_id = r.stock_id AND c.channel = 'campaign'
WHERE counts_as_held(c.state) OR counts_as_booked(c.state)
GROUP BY r.release_id HAVING count(*) > r.doses
