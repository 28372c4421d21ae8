-- The stock of a clinic session that a campaign may get doses of.  $1 stock_id bigint
SELECT s.stock_id, s.session_id, n.clinic_id, n.state, p.vaccine_code, s.vials * s.vial_size AS doses
FROM session_stocks s JOIN clinic_sessions n USING (session_id) JOIN products p USING (product_id)
WHERE s.stock_id = $1
