-- $1 code_id uuid  $2 phone_index bytea  $3 purpose text  $4 device_index bytea  $5 code_digest bytea
-- $6 tries smallint  $7 ttl_s integer
INSERT INTO login_codes (code_id, phone_index, purpose, device_index, code_digest, tries_left, expires_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, statement_timestamp() + make_interval(secs => $7::integer), statement_timestamp())
