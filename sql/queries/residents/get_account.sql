-- $1 account_id uuid
SELECT account_id, phone_sealed FROM accounts WHERE account_id = $1
