-- $1 person_id uuid  $2 name_sealed bytea  $3 birth_date date  $4 sex text
UPDATE persons SET name_sealed = $2, birth_date = $3, sex = $4 WHERE person_id = $1
