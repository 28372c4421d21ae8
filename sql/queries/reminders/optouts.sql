-- The kinds of reminders an account does not want.  $1 account_id uuid
SELECT kind FROM reminder_optouts WHERE account_id = $1
