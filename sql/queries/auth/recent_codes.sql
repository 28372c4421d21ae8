-- Codes made for a phone in the last day.  $1 phone_index bytea
-- One row: sent, now, latest (null: none), oldest (null: none).
SELECT count(*)::integer AS sent, statement_timestamp() AS now, max(created_at) AS latest, min(created_at) AS oldest
FROM login_codes
WHERE phone_index = $1 AND created_at > statement_timestamp() - interval '1 day'
