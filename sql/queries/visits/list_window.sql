-- Reservations of a window in the reach of a member of staff, as the desk sees them; one row without a claim where there are none,
-- no row where the window is none of theirs.
-- $1 window_id bigint  $2 role text  $3 own_clinic_id integer  $4 own_district_code text  $5 at_most integer
SELECT c.claim_id AS reservation_id, c.state::text AS state, v.outcome, v.reason, v.checked_in_at, v.ended_at,
       w.starts_at, w.ends_at, p.person_id, p.name_sealed, n.vaccine_code, n.name_zh AS vaccine_name
FROM windows w JOIN clinic_sessions s USING (session_id) JOIN clinics k USING (clinic_id)
     LEFT JOIN (claims c JOIN persons p USING (person_id) JOIN session_stocks t USING (stock_id) JOIN products d USING (product_id)
                JOIN vaccines n USING (vaccine_code) LEFT JOIN visits v ON v.claim_id = c.claim_id)
         ON c.window_id = w.window_id AND counts_as_booked(c.state)
WHERE w.window_id = $1
  AND ($2::text = 'city_admin' OR ($2 = 'district_admin' AND k.district_code = $4)
       OR ($2 = 'clinic_staff' AND k.clinic_id = $3))
ORDER BY c.confirmed_at, c.claim_id LIMIT $5
