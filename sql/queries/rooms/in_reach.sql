-- A room that a member of staff may join people to: the city every room, others those over their sessions or the service.
-- $1 room_id bigint  $2 role text  $3 own_clinic_id integer  $4 own_district_code text
SELECT r.room_id FROM rooms r
WHERE r.room_id = $1
  AND ($2::text = 'city_admin' OR r.scope = 'service'
       OR EXISTS (SELECT FROM room_sessions s JOIN clinic_sessions c USING (session_id) JOIN clinics k USING (clinic_id)
                  WHERE s.room_id = r.room_id AND ($2 = 'clinic_staff' AND k.clinic_id = $3
                                                   OR $2 = 'district_admin' AND k.district_code = $4)))
