-- Hold places for a batch, all or none per request, in one call that commits by itself (migration 0020).
-- Parallel arrays: $1 claim_ids uuid[]  $2 hold_tokens uuid[]  $3 actors text[]  $4 account_ids uuid[] (null: staff)
--   $5 person_ids uuid[]  $6 window_ids bigint[]  $7 channels text[]  $8 stock_ids bigint[]  $9 keys text[]
--   $10 body_hashes bytea[]  $11 sources text[]  $12 pass_generations bigint[] (null: nobody's pass is asked for);
--   scalar: $13 hold_ttl_ms integer
-- One row per request: n (1-based), code, retry_at, answer. Codes: granted, answered (the first answer to this key), or a refusal.
-- Each is decided as if the batch came one after another, or `contended`: it was behind others that want the same places
-- or the same person's series, and what is left for it is seen when it asks again. The first of them is always decided.
-- Then one row per counter of the places asked for: n is null; session_id, field, version, free.
SELECT n, code, retry_at, answer, session_id, field, version, free
FROM hold_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
