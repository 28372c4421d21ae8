-- End an exemption that has not ended: the city any, a clinic those it documented itself.
-- $1 exemption_id uuid  $2 ended_by text  $3 role text  $4 own_clinic_id integer
INSERT INTO medical_exemption_ends (exemption_id, ended_by)
SELECT e.exemption_id, $2 FROM medical_exemptions e
WHERE e.exemption_id = $1 AND ($3::text = 'city_admin' OR ($3 = 'clinic_staff' AND e.clinic_id = $4))
ON CONFLICT DO NOTHING RETURNING exemption_id
