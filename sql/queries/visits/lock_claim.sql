-- A claim of a clinic in the reach of a member of staff, locked; no row where it is none of theirs. A clinic's day ends at 24:00.
-- $1 claim_id uuid  $2 role text  $3 own_clinic_id integer  $4 own_district_code text
SELECT c.claim_id, c.state::text AS state, c.window_id, c.channel, c.stock_id, w.starts_at - interval '1 hour' AS opens_at,
       w.starts_at - interval '1 hour' > statement_timestamp() AS early,
       s.session_date < (statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date AS over
FROM claims c JOIN windows w USING (window_id) JOIN clinic_sessions s USING (session_id) JOIN clinics k USING (clinic_id)
WHERE c.claim_id = $1
  AND ($2::text = 'city_admin' OR ($2 = 'district_admin' AND k.district_code = $4)
       OR ($2 = 'clinic_staff' AND k.clinic_id = $3))
FOR NO KEY UPDATE OF c
