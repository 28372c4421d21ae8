-- Hold places for a batch, all or none per request, under the locks of lock_for_hold in the same transaction.
-- Parallel arrays: $1 claim_ids uuid[]  $2 hold_tokens uuid[]  $3 actors text[]  $4 account_ids uuid[] (null: staff)
--   $5 person_ids uuid[]  $6 window_ids bigint[]  $7 channels text[]  $8 stock_ids bigint[]  $9 keys text[]
--   $10 body_hashes bytea[]  $11 sources text[];  scalar: $12 hold_ttl_ms integer
-- One row per request: n (1-based), code, retry_at, answer. Codes: granted, answered (the first answer to this key), or a refusal.
-- Each is decided as if the batch came one after another, or `contended`: it was behind others that want the same places
-- or the same person's series, and what is left for it is seen when it asks again. The first of them is always decided.
WITH request AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::bigint[], $7::text[],
                         $8::bigint[], $9::text[], $10::bytea[], $11::text[]) WITH ORDINALITY
        AS r (claim_id, hold_token, actor, account_id, person_id, window_id, channel, stock_id, key, body_hash,
              source, n)
), wanted_series AS MATERIALIZED (
    SELECT r.n, r.person_id, v.series
    FROM request r JOIN session_stocks s USING (stock_id) JOIN products p USING (product_id)
         JOIN vaccine_series v USING (vaccine_code)
), taken AS MATERIALIZED (
    SELECT w.n
    FROM wanted_series w CROSS JOIN LATERAL (
        SELECT FROM live_claims l WHERE l.person_id = w.person_id AND l.series = w.series LIMIT 1) AS live
), judged AS MATERIALIZED (
    SELECT r.*, k.answer AS first_answer, q.bookable_from,
           w.free AS window_free, q.free AS quota_free, s.free AS stock_free,
           CASE WHEN s.no_new_vial_from <= statement_timestamp()
                THEN (s.vial_size - (s.held + s.booked) % s.vial_size) % s.vial_size ELSE s.free END AS doses_open,
           CASE
               WHEN k.key IS NOT NULL AND k.operation = 'hold' AND k.body_hash = r.body_hash THEN 'answered'
               WHEN k.key IS NOT NULL THEN 'key_reused'
               WHEN allowed.person_id IS NULL THEN 'unknown_person'
               WHEN w.window_id IS NULL THEN 'unknown_window'
               WHEN c.state <> 'published' THEN 'session_closed'
               WHEN q.window_id IS NULL THEN 'wrong_channel'
               WHEN s.stock_id IS NULL OR s.session_id <> w.session_id THEN 'no_such_stock'
               WHEN w.bookable_until <= statement_timestamp() THEN 'booking_ended'
               WHEN q.bookable_from > statement_timestamp() THEN 'not_yet_bookable'
               WHEN EXISTS (SELECT FROM taken t WHERE t.n = r.n) THEN 'duplicate_claim'
           END AS verdict
    FROM request r
         LEFT JOIN LATERAL (
             SELECT i.key, i.operation, i.body_hash, i.answer FROM idempotency_keys i
             WHERE i.actor = r.actor AND i.key = r.key LIMIT 1) AS k ON true
         LEFT JOIN windows w ON w.window_id = r.window_id
         LEFT JOIN clinic_sessions c ON c.session_id = w.session_id
         LEFT JOIN window_quotas q ON q.window_id = r.window_id AND q.channel = r.channel
         LEFT JOIN session_stocks s ON s.stock_id = r.stock_id
         LEFT JOIN LATERAL (
             -- Looked up one by one, whatever the planner believes of tables that have just been filled.
             (SELECT g.person_id FROM guardianships g JOIN accounts a USING (account_id)
              WHERE g.account_id = r.account_id AND g.person_id = r.person_id AND g.ended_at IS NULL
                AND a.status = 'active' LIMIT 1)
             UNION ALL
             (SELECT p.person_id FROM persons p
              WHERE r.account_id IS NULL AND p.person_id = r.person_id AND p.status = 'active' LIMIT 1)
         ) AS allowed ON true
), placed AS MATERIALIZED (
    SELECT *,
           row_number() OVER (PARTITION BY window_id ORDER BY n) AS window_turn,
           row_number() OVER (PARTITION BY window_id, channel ORDER BY n) AS quota_turn,
           row_number() OVER (PARTITION BY stock_id ORDER BY n) AS stock_turn
    FROM judged WHERE verdict IS NULL
), behind AS MATERIALIZED (
    -- An earlier request of this batch wants the same series for the same person. Whether it gets a claim is not known
    -- here, and a refused one takes nothing, so this one asks again.
    SELECT n FROM (SELECT n, row_number() OVER (PARTITION BY person_id, series ORDER BY n) AS turn
                   FROM wanted_series JOIN placed USING (n, person_id)) AS turns WHERE turn > 1
), granted AS (
    SELECT * FROM placed
    WHERE window_turn <= window_free AND quota_turn <= quota_free AND stock_turn <= least(stock_free, doses_open)
      AND n NOT IN (SELECT n FROM behind)
), held AS (
    INSERT INTO claims (claim_id, hold_token, person_id, account_id, window_id, channel, stock_id, held_at, held_until,
                        changed_by, changed_from)
    SELECT claim_id, hold_token, person_id, account_id, window_id, channel, stock_id, statement_timestamp(),
           statement_timestamp() + make_interval(secs => $12::integer / 1000.0), actor, source
    FROM granted
), answers AS MATERIALIZED (
    -- Not a row of `granted` can miss from `claims`: the insert has no ON CONFLICT, it lands whole or the batch fails.
    SELECT n, actor, key, body_hash,
           jsonb_build_object('hold_id', claim_id, 'hold_token', hold_token, 'person_id', person_id,
                              'window_id', window_id, 'stock_id', stock_id,
                              'held_until', statement_timestamp() + make_interval(secs => $12::integer / 1000.0))
               AS answer
    FROM granted
), remembered AS (
    INSERT INTO idempotency_keys (actor, key, operation, body_hash, answer)
    SELECT actor, key, 'hold', body_hash, answer FROM answers
)
SELECT j.n::integer AS n,
       CASE
           WHEN a.n IS NOT NULL THEN 'granted'
           WHEN j.verdict IS NOT NULL THEN j.verdict
           WHEN EXISTS (SELECT FROM behind b WHERE b.n = j.n) THEN 'contended'
           -- the first counter that says no: it is empty, or those before this one may have emptied it
           WHEN j.window_free <= 0 THEN 'window_full'
           WHEN p.window_turn > j.window_free THEN 'contended'
           WHEN j.quota_free <= 0 THEN 'channel_full'
           WHEN p.quota_turn > j.quota_free THEN 'contended'
           WHEN j.stock_free <= 0 THEN 'out_of_stock'
           WHEN p.stock_turn > j.stock_free THEN 'contended'
           WHEN j.doses_open <= 0 THEN 'vial_not_opened'
           ELSE 'contended'
       END AS code,
       CASE WHEN j.verdict = 'not_yet_bookable' THEN j.bookable_from END AS retry_at,
       coalesce(a.answer, CASE WHEN j.verdict = 'answered' THEN j.first_answer END)::text AS answer
FROM judged j LEFT JOIN answers a ON a.n = j.n LEFT JOIN placed p ON p.n = j.n
ORDER BY j.n
