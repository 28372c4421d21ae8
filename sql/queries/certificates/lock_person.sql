-- Make certificates of one person wait for each other until the transaction ends.  $1 person_id uuid
SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 17))
