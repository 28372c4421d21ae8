-- A release and what of it is taken.  $1 release_id bigint
SELECT r.release_id, r.campaign_id, r.clinic_id, s.vials * s.vial_size AS stock_doses,
       (SELECT count(*)::integer FROM offers o WHERE o.release_id = r.release_id AND o.takes_dose) AS taking
FROM campaign_releases r JOIN session_stocks s USING (stock_id) WHERE r.release_id = $1
