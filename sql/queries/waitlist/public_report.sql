-- What became of the doses of each release of a campaign, newest day first; counts as they are, not to be told as such.
-- $1 campaign_id bigint
SELECT r.release_id, n.session_date, k.name AS clinic_name, r.leftover_of IS NOT NULL AS leftover, r.doses, r.created_at,
       f.asked, f.accepted,
       (SELECT max(o.made_at) FROM offer_rounds o WHERE o.release_id = r.release_id) AS last_round_at
FROM campaign_releases r JOIN clinics k USING (clinic_id) JOIN clinic_sessions n USING (session_id)
     CROSS JOIN LATERAL (
         SELECT count(*)::integer AS asked, count(*) FILTER (WHERE o.state = 'accepted')::integer AS accepted
         FROM offers o WHERE o.release_id = r.release_id) AS f
WHERE r.campaign_id = $1 AND NOT k.hidden
ORDER BY n.session_date DESC, r.release_id DESC LIMIT 100
