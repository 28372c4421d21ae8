-- Why a member of staff may not try.  $1 username text
SELECT status, CASE WHEN locked_until > statement_timestamp() THEN locked_until END AS locked_until
FROM staff WHERE username = $1
