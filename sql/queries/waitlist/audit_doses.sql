-- Releases with more claims that hold or have used a dose than doses, counted from the claims themselves.
SELECT r.release_id, r.doses, count(*)::integer AS taking
FROM campaign_releases r JOIN offers o USING (release_id) JOIN claims c ON c.claim_id = o.offer_id AND c.stock_id = r.stock_id
WHERE counts_as_held(c.state) OR counts_as_booked(c.state)
GROUP BY r.release_id HAVING count(*) > r.doses
