-- The version that counts of a record, where a member of staff may see to it: the city to all, a district to those of its
-- clinics, a clinic to what it gave or sent in.
-- $1 record_id uuid  $2 role text  $3 own_clinic_id integer  $4 own_district_code text
SELECT r.record_id, r.version, r.person_id, r.vaccine_code, r.given_on, r.dose_recorded, r.campaign, r.course_complete,
       r.override, r.source, r.verified, r.lot, r.clinic_id, r.tracing_code, r.manufacturer, r.site, r.route, r.place,
       r.vaccinator, r.import_id, r.import_row, p.birth_date
FROM immunization_current r JOIN persons p USING (person_id)
     LEFT JOIN immunization_imports i USING (import_id)
     LEFT JOIN clinics k ON k.clinic_id = coalesce(r.clinic_id, i.clinic_id)
WHERE r.record_id = $1
  AND ($2::text = 'city_admin' OR ($2 = 'district_admin' AND k.district_code = $4)
       OR ($2 = 'clinic_staff' AND k.clinic_id = $3))
