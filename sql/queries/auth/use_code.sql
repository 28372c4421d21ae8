-- A code logs in once; the try before holds the row's lock.  $1 code_id uuid
UPDATE login_codes SET used_at = statement_timestamp() WHERE code_id = $1 AND used_at IS NULL RETURNING code_id
