-- A release in the hands of a round; its campaign must be taken. No row where no offers are made now.  $1 release_id bigint
SELECT r.release_id, r.campaign_id, r.stock_id, r.session_id, r.clinic_id, n.session_date, c.eligible,
       least(c.offer_minutes, r.offer_minutes) AS offer_minutes, r.leftover_of IS NOT NULL AS leftover,
       c.vaccine_code, ARRAY(SELECT v.series FROM vaccine_series v WHERE v.vaccine_code = c.vaccine_code) AS series,
       r.doses - (SELECT count(*)::integer FROM offers o WHERE o.release_id = r.release_id AND o.takes_dose) AS left
FROM campaign_releases r JOIN campaigns c USING (campaign_id) JOIN clinic_sessions n ON n.session_id = r.session_id
WHERE r.release_id = $1 AND NOT c.paused AND n.state = 'published'
  AND ((c.mode = 'queue' AND c.state IN ('published', 'closed')) OR c.state = 'drawn')
