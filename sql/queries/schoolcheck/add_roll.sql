-- $1 check_id uuid  $2 clinic_id integer (null: an administrator)  $3 bad_rows integer[]  $4 roll_sealed bytea
INSERT INTO school_check_rolls (check_id, clinic_id, bad_rows, roll_sealed) VALUES ($1, $2, $3, $4)
