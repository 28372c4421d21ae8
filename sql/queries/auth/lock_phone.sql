-- Make code requests for one phone wait for each other until the transaction ends.  $1 phone_index bytea
SELECT pg_advisory_xact_lock(hashtextextended(encode($1::bytea, 'hex'), 2))
