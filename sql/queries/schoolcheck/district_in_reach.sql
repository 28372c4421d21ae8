-- Whether a member of staff may check schools of a district: the city all, a district its own, a clinic those around it.
-- $1 district_code text  $2 role text  $3 own_clinic_id integer  $4 own_district_code text
SELECT d.district_code FROM districts d
WHERE d.district_code = $1
  AND ($2::text = 'city_admin' OR ($2 = 'district_admin' AND d.district_code = $4)
       OR ($2 = 'clinic_staff' AND EXISTS (SELECT FROM clinics k WHERE k.clinic_id = $3 AND k.district_code = $1)))
