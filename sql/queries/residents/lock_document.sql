-- Make bindings of one document wait for each other until the transaction ends.  $1 document_index bytea
SELECT pg_advisory_xact_lock(hashtextextended(encode($1::bytea, 'hex'), 3))
