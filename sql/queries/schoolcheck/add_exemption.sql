-- $1 exemption_id uuid  $2 person_id uuid  $3 series text  $4 until date  $5 grounds_sealed bytea  $6 clinic_id integer
-- $7 recorded_by text
INSERT INTO medical_exemptions (exemption_id, person_id, series, until, grounds_sealed, clinic_id, recorded_by)
VALUES ($1, $2, $3, $4, $5, $6, $7)
