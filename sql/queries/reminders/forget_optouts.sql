-- An account wants these kinds again.  $1 account_id uuid  $2 kinds text[]
DELETE FROM reminder_optouts WHERE account_id = $1 AND kind = ANY($2::text[])
