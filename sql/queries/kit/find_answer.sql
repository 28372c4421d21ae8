-- The first answer given to a key.  $1 actor text  $2 key text
SELECT operation, body_hash, answer FROM idempotency_keys WHERE actor = $1 AND key = $2
