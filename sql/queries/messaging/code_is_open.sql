-- Whether a login code can still be used, and for how long.  $1 code_id uuid
SELECT extract(epoch FROM expires_at - statement_timestamp())::integer AS left_s
FROM login_codes WHERE code_id = $1 AND used_at IS NULL AND expires_at > statement_timestamp()
