-- Make requests with one key wait for each other until the transaction ends.  $1 actor text  $2 key text
SELECT pg_advisory_xact_lock(hashtextextended($1::text || '/' || $2::text, 1))
