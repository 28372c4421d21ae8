-- Turn holds into reservations. Only the owner, with the hold's token, while it is held and not past its grace.
-- Parallel arrays: $1 claim_ids uuid[]  $2 hold_tokens uuid[]  $3 actors text[]  $4 account_ids uuid[] (null: staff)
--   $5 keys text[]  $6 body_hashes bytea[]  $7 sources text[];  scalar: $8 grace_ms integer
-- One row per request: n, code, answer and the counters the claim uses. Codes: confirmed, answered, or a refusal.
-- A confirmed claim confirmed again (another key) answers `confirmed`: the effect was had once.
-- One key with two bodies in one batch: the first counts, the other is key_reused.
WITH request AS MATERIALIZED (
    SELECT *, first_value(body_hash) OVER (PARTITION BY actor, key ORDER BY n) AS first_body_of_key
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::bytea[], $7::text[])
        WITH ORDINALITY AS r (claim_id, hold_token, actor, account_id, key, body_hash, source, n)
), locked AS MATERIALIZED (
    SELECT * FROM claims WHERE claim_id = ANY ($1::uuid[]) ORDER BY claim_id FOR NO KEY UPDATE
), judged AS MATERIALIZED (
    SELECT r.n, r.actor, r.key, r.body_hash, r.source, r.claim_id, c.window_id, c.channel, c.stock_id, c.person_id,
           k.answer AS first_answer,
           CASE
               WHEN k.key IS NOT NULL AND k.operation = 'confirm' AND k.body_hash = r.body_hash THEN 'answered'
               WHEN k.key IS NOT NULL OR r.body_hash <> r.first_body_of_key THEN 'key_reused'
               WHEN c.claim_id IS NULL OR (r.account_id IS NOT NULL AND (
                        SELECT g.person_id FROM guardianships g WHERE g.account_id = r.account_id
                            AND g.person_id = c.person_id AND g.ended_at IS NULL) IS NULL) THEN 'unknown_hold'
               WHEN c.hold_token <> r.hold_token THEN 'wrong_hold_token'
               WHEN c.state IN ('confirmed', 'checked_in', 'fulfilled') THEN 'confirmed'
               WHEN c.state = 'expired' OR (c.state = 'held' AND c.held_until
                        + make_interval(secs => $8::integer / 1000.0) < statement_timestamp()) THEN 'hold_expired'
               WHEN c.state <> 'held' THEN 'hold_ended'
           END AS verdict
    FROM request r LEFT JOIN locked c USING (claim_id)
         LEFT JOIN LATERAL (
             SELECT i.key, i.operation, i.body_hash, i.answer FROM idempotency_keys i
             WHERE i.actor = r.actor AND i.key = r.key LIMIT 1) AS k ON true
), first_of_claim AS (
    SELECT DISTINCT ON (claim_id) * FROM judged WHERE verdict IS NULL ORDER BY claim_id, n
), changed AS (
    UPDATE claims c SET state = 'confirmed', confirmed_at = statement_timestamp(), changed_by = f.actor,
                        changed_from = f.source, change_reason = NULL
    FROM first_of_claim f WHERE c.claim_id = f.claim_id AND c.state = 'held'
    RETURNING c.claim_id
), answers AS MATERIALIZED (
    SELECT j.n, j.actor, j.key, j.body_hash,
           json_build_object('reservation_id', j.claim_id, 'state', 'confirmed', 'person_id', j.person_id,
                              'window_id', j.window_id, 'stock_id', j.stock_id) AS answer
    FROM judged j LEFT JOIN changed USING (claim_id)
    WHERE j.verdict = 'confirmed' OR (j.verdict IS NULL AND changed.claim_id IS NOT NULL)
), remembered AS (
    INSERT INTO idempotency_keys (actor, key, operation, body_hash, answer)
    SELECT DISTINCT ON (actor, key) actor, key, 'confirm', body_hash, answer FROM answers
)
SELECT j.n::integer AS n, CASE WHEN a.n IS NOT NULL THEN 'confirmed' ELSE coalesce(j.verdict, 'hold_ended') END AS code,
       coalesce(a.answer, CASE WHEN j.verdict = 'answered' THEN j.first_answer END)::text AS answer,
       j.window_id, j.channel, j.stock_id
FROM judged j LEFT JOIN answers a ON a.n = j.n
ORDER BY j.n
