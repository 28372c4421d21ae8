-- Keep the answer of a change in the change's own transaction.
-- $1 actor text  $2 key text  $3 operation text  $4 body_hash bytea  $5 answer json
INSERT INTO idempotency_keys (actor, key, operation, body_hash, answer) VALUES ($1, $2, $3, $4, $5)
