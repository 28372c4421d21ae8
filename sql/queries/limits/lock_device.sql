-- Have a device alone until the transaction ends: who makes an account on it waits for others who do.  $1 device_index bytea
SELECT pg_advisory_xact_lock(hashtextextended('device:' || encode($1::bytea, 'hex'), 0))
