-- How many of some clinics there are.  $1 clinic_ids integer[]
SELECT count(*) FROM clinics WHERE clinic_id = ANY ($1::integer[])
