-- The school of this name in a district, put on record with its first check.  $1 district_code text  $2 name text
INSERT INTO schools (district_code, name) VALUES ($1, $2)
ON CONFLICT (district_code, name) DO UPDATE SET name = excluded.name RETURNING school_id
