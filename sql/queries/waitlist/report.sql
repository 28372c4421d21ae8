-- What became of the doses of each release: used + offered + free = doses.  $1 campaign_id bigint
SELECT r.release_id, r.campaign_id, r.stock_id, r.clinic_id, k.name AS clinic_name, n.session_date, r.doses,
       r.leftover_of IS NOT NULL AS leftover, f.used, f.offered,
       r.doses - f.used - f.offered AS free, f.accepted, f.declined, f.expired, f.withdrawn,
       (SELECT count(*)::integer FROM offer_skips s JOIN offer_rounds o USING (round_id) WHERE o.release_id = r.release_id) AS skips,
       (SELECT count(*)::integer FROM offer_rounds o WHERE o.release_id = r.release_id) AS rounds,
       (SELECT max(o.made_at) FROM offer_rounds o WHERE o.release_id = r.release_id) AS last_round_at
FROM campaign_releases r JOIN clinics k USING (clinic_id) JOIN clinic_sessions n USING (session_id)
     CROSS JOIN LATERAL (
         SELECT count(*) FILTER (WHERE o.takes_dose AND o.state <> 'open')::integer AS used,
                count(*) FILTER (WHERE o.takes_dose AND o.state = 'open')::integer AS offered,
                count(*) FILTER (WHERE o.state = 'accepted')::integer AS accepted,
                count(*) FILTER (WHERE o.state = 'declined')::integer AS declined,
                count(*) FILTER (WHERE o.state = 'expired')::integer AS expired,
                count(*) FILTER (WHERE o.state = 'withdrawn')::integer AS withdrawn
         FROM offers o WHERE o.release_id = r.release_id) AS f
WHERE r.campaign_id = $1
ORDER BY r.release_id
