-- Make changes to one account's people wait for each other until the transaction ends.  $1 account_id uuid
SELECT status FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE
