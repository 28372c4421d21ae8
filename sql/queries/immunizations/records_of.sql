-- What counts of a person's records, oldest first.  $1 person_id uuid
SELECT record_id, version, vaccine_code, given_on, dose_recorded, campaign, course_complete, override, source, verified
FROM immunization_current WHERE person_id = $1 ORDER BY given_on, record_id
