-- Make a staff account unless the username is taken; a row comes back only where it was made.
-- $1 username text  $2 display_name text  $3 password_digest text  $4 role text  $5 clinic_id integer (null: city)
INSERT INTO staff (username, display_name, password_digest, role, clinic_id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (username) DO NOTHING RETURNING staff_id
