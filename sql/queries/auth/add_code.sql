-- $1 code_id uuid  $2 phone_index bytea  $3 code_digest bytea  $4 tries smallint  $5 ttl_s integer
INSERT INTO login_codes (code_id, phone_index, purpose, code_digest, tries_left, expires_at, created_at)
VALUES ($1, $2, 'login', $3, $4, statement_timestamp() + make_interval(secs => $5::integer), statement_timestamp())
