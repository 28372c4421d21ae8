-- Whether a window is of a clinic in the reach of a member of staff; its day, and the vaccine of a stock of its session.
-- No row where it is none of theirs.  $1 window_id bigint  $2 stock_id bigint  $3 role text  $4 own_clinic_id integer
-- $5 own_district_code text
SELECT s.session_date AS day,
       (SELECT p.vaccine_code FROM session_stocks t JOIN products p USING (product_id)
        WHERE t.stock_id = $2 AND t.session_id = s.session_id) AS vaccine_code
FROM windows w JOIN clinic_sessions s USING (session_id) JOIN clinics k USING (clinic_id)
WHERE w.window_id = $1
  AND ($3::text = 'city_admin' OR ($3 = 'district_admin' AND k.district_code = $5)
       OR ($3 = 'clinic_staff' AND k.clinic_id = $4))
