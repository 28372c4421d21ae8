-- Whether a member of staff may act for a clinic: the city for all, a district for its own, a clinic for itself.
-- $1 clinic_id integer  $2 role text  $3 own_clinic_id integer  $4 own_district_code text
SELECT k.clinic_id FROM clinics k
WHERE k.clinic_id = $1
  AND ($2::text = 'city_admin' OR ($2 = 'district_admin' AND k.district_code = $4)
       OR ($2 = 'clinic_staff' AND k.clinic_id = $3))
