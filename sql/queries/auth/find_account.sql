-- $1 phone_index bytea
SELECT account_id, status FROM accounts WHERE phone_index = $1
