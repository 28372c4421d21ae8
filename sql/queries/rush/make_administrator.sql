-- A city administrator of a rehearsal, with a password that nobody can enter and no login.  $1 label text
INSERT INTO staff (username, display_name, password_digest, role)
VALUES ('rehearsal-' || $1::text, '演练', '!', 'city_admin') RETURNING staff_id
