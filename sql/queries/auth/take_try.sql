-- Take one try at the latest code of a phone, purpose and device, before anything is compared.
-- $1 phone_index bytea  $2 purpose text  $3 device_index bytea
-- No row: there is no code that may still be tried. Parallel tries wait for the row and see what is left.
UPDATE login_codes SET tries_left = tries_left - 1
WHERE code_id = (SELECT code_id FROM login_codes WHERE phone_index = $1 AND purpose = $2 AND device_index = $3
                 ORDER BY created_at DESC LIMIT 1)
  AND used_at IS NULL AND expires_at > statement_timestamp() AND tries_left > 0
RETURNING code_id, code_digest, tries_left
