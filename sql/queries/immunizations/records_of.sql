-- What counts of a person's records, oldest first, with the clinic's name.  $1 person_id uuid
SELECT r.record_id, r.version, r.person_id, r.vaccine_code, r.given_on, r.dose_recorded, r.campaign, r.course_complete,
       r.override, r.source, r.verified, r.lot, r.clinic_id, r.tracing_code, r.manufacturer, r.site, r.route,
       coalesce(k.name, r.place) AS place, r.vaccinator, r.import_id, r.import_row
FROM immunization_current r LEFT JOIN clinics k USING (clinic_id)
WHERE r.person_id = $1 ORDER BY r.given_on, r.record_id
