-- End claims at the owner's wish: release holds (token needed) or cancel reservations (before their window begins).
-- Parallel arrays: $1 claim_ids uuid[]  $2 hold_tokens uuid[] (null for a cancellation)  $3 operations text[] (release | cancel)
--   $4 actors text[]  $5 account_ids uuid[] (null: staff)  $6 keys text[]  $7 body_hashes bytea[]  $8 sources text[]
--   $9 reasons text[]
-- One row per request: n, code, answer and the counters whose place came back. Codes: released, cancelled, answered, or a refusal.
-- Ending what already ended the same way answers as the first time: the effect was had once.
-- One key with two bodies in one batch: the first counts, the other is key_reused.
WITH request AS MATERIALIZED (
    SELECT *, first_value(body_hash) OVER (PARTITION BY actor, key ORDER BY n) AS first_body_of_key
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::bytea[],
                $8::text[], $9::text[]) WITH ORDINALITY
        AS r (claim_id, hold_token, operation, actor, account_id, key, body_hash, source, reason, n)
), locked AS MATERIALIZED (
    SELECT * FROM claims WHERE claim_id = ANY ($1::uuid[]) ORDER BY claim_id FOR NO KEY UPDATE
), judged AS MATERIALIZED (
    SELECT r.n, r.operation, r.actor, r.key, r.body_hash, r.source, r.reason, r.claim_id,
           c.window_id, c.channel, c.stock_id, k.answer AS first_answer,
           CASE r.operation WHEN 'release' THEN 'released' ELSE 'cancelled' END AS target,
           CASE
               WHEN k.key IS NOT NULL AND k.operation = r.operation AND k.body_hash = r.body_hash THEN 'answered'
               WHEN k.key IS NOT NULL OR r.body_hash <> r.first_body_of_key THEN 'key_reused'
               WHEN c.claim_id IS NULL OR (r.account_id IS NOT NULL AND (
                        SELECT g.person_id FROM guardianships g WHERE g.account_id = r.account_id
                            AND g.person_id = c.person_id AND g.ended_at IS NULL) IS NULL)
                   THEN CASE r.operation WHEN 'release' THEN 'unknown_hold' ELSE 'unknown_reservation' END
               WHEN r.operation = 'release' AND c.hold_token IS DISTINCT FROM r.hold_token THEN 'wrong_hold_token'
               WHEN r.operation = 'release' AND c.state = 'released' THEN 'released'
               WHEN r.operation = 'cancel' AND c.state = 'cancelled' THEN 'cancelled'
               WHEN r.operation = 'release' AND c.state <> 'held' THEN 'hold_ended'
               WHEN r.operation = 'cancel' AND c.state <> 'confirmed' THEN 'not_cancellable'
               WHEN r.operation = 'cancel' AND w.starts_at <= statement_timestamp() THEN 'window_begun'
           END AS verdict
    FROM request r LEFT JOIN locked c USING (claim_id)
         LEFT JOIN LATERAL (SELECT starts_at FROM windows WHERE window_id = c.window_id LIMIT 1) AS w ON true
         LEFT JOIN LATERAL (
             SELECT i.key, i.operation, i.body_hash, i.answer FROM idempotency_keys i
             WHERE i.actor = r.actor AND i.key = r.key LIMIT 1) AS k ON true
), first_of_claim AS (
    SELECT DISTINCT ON (claim_id) * FROM judged WHERE verdict IS NULL ORDER BY claim_id, n
), changed AS (
    UPDATE claims c SET state = f.target::claim_state, ended_at = statement_timestamp(), changed_by = f.actor,
                        changed_from = f.source, change_reason = f.reason
    FROM first_of_claim f WHERE c.claim_id = f.claim_id
    RETURNING c.claim_id
), answers AS MATERIALIZED (
    SELECT j.n, j.actor, j.key, j.body_hash, j.operation, j.target,
           json_build_object('claim_id', j.claim_id, 'state', j.target) AS answer
    FROM judged j LEFT JOIN changed USING (claim_id)
    WHERE j.verdict = j.target OR (j.verdict IS NULL AND changed.claim_id IS NOT NULL)
), remembered AS (
    INSERT INTO idempotency_keys (actor, key, operation, body_hash, answer)
    SELECT DISTINCT ON (actor, key) actor, key, operation, body_hash, answer FROM answers
)
SELECT j.n::integer AS n, CASE WHEN a.n IS NOT NULL THEN a.target ELSE coalesce(j.verdict, 'hold_ended') END AS code,
       coalesce(a.answer, CASE WHEN j.verdict = 'answered' THEN j.first_answer END)::text AS answer,
       j.window_id, j.channel, j.stock_id
FROM judged j LEFT JOIN answers a ON a.n = j.n
ORDER BY j.n
