-- Every version of a record, the first first.  $1 record_id uuid
SELECT version, vaccine_code, given_on, lot, source, verified, void, reason, recorded_by, recorded_from, recorded_at
FROM immunization_records WHERE record_id = $1 ORDER BY version
