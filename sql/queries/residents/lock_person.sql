-- The lock that booking takes on a person: no hold can begin beside this transaction.  $1 person_id uuid
SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0))
