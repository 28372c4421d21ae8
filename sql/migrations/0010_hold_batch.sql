-- Holds in one round trip: lock, decide and write, tell the counters, commit.
--
-- Design
--   * Everybody who wants places of a hot window waits for its counters. While a batch has them, nothing travels between
--     server and client: what was four statements and a commit is one call, and the commit is the call's own.
--   * Each statement of the function has a snapshot of its own (read committed), so that the decision sees what the locks
--     waited for. Deadlines are measured against the clock as it is then, not as it was when the call arrived.

CREATE FUNCTION hold_batch(
    claim_ids uuid[], hold_tokens uuid[], actors text[], account_ids uuid[], person_ids uuid[], window_ids bigint[],
    channels text[], stock_ids bigint[], keys text[], body_hashes bytea[], sources text[], hold_ttl_ms integer
) RETURNS TABLE (n integer, code text, retry_at timestamptz, answer text,
                 session_id bigint, field text, version bigint, free integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    locked      bigint;
    decided_at  timestamptz;
BEGIN
    -- The people, then the counters, each in one order for everybody. A person's lock makes "one live claim per series"
    -- exact across processes; it ends with the transaction.
    WITH people AS MATERIALIZED (
        SELECT count(pg_advisory_xact_lock(hashtextextended(person_id::text, 0))) AS locked
        FROM (SELECT DISTINCT person_id FROM unnest(person_ids) AS p (person_id) ORDER BY person_id) AS ordered
    ), locked_windows AS MATERIALIZED (
        SELECT window_id FROM windows
        WHERE window_id = ANY (window_ids) AND (SELECT locked FROM people) >= 0
        ORDER BY window_id FOR NO KEY UPDATE
    ), locked_quotas AS MATERIALIZED (
        SELECT window_id FROM window_quotas
        WHERE (window_id, channel) IN (SELECT * FROM unnest(window_ids, channels))
          AND (SELECT count(*) FROM locked_windows) >= 0
        ORDER BY window_id, channel FOR NO KEY UPDATE
    ), locked_stocks AS MATERIALIZED (
        SELECT stock_id FROM session_stocks
        WHERE stock_id = ANY (stock_ids) AND (SELECT count(*) FROM locked_quotas) >= 0
        ORDER BY stock_id FOR NO KEY UPDATE
    )
    SELECT count(*) INTO locked FROM locked_stocks;
    decided_at := clock_timestamp();

    RETURN QUERY
    WITH request AS MATERIALIZED (
        SELECT * FROM unnest(claim_ids, hold_tokens, actors, account_ids, person_ids, window_ids, channels,
                             stock_ids, keys, body_hashes, sources) WITH ORDINALITY
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
               CASE WHEN s.no_new_vial_from <= decided_at
                    THEN (s.vial_size - (s.held + s.booked) % s.vial_size) % s.vial_size ELSE s.free END AS doses_open,
               CASE
                   WHEN k.key IS NOT NULL AND k.operation = 'hold' AND k.body_hash = r.body_hash THEN 'answered'
                   WHEN k.key IS NOT NULL THEN 'key_reused'
                   WHEN allowed.person_id IS NULL THEN 'unknown_person'
                   WHEN w.window_id IS NULL THEN 'unknown_window'
                   WHEN c.state <> 'published' THEN 'session_closed'
                   WHEN q.window_id IS NULL THEN 'wrong_channel'
                   WHEN s.stock_id IS NULL OR s.session_id <> w.session_id THEN 'no_such_stock'
                   WHEN w.bookable_until <= decided_at THEN 'booking_ended'
                   WHEN q.bookable_from > decided_at THEN 'not_yet_bookable'
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
        SELECT claim_id, hold_token, person_id, account_id, window_id, channel, stock_id, decided_at,
               decided_at + make_interval(secs => hold_ttl_ms / 1000.0), actor, source
        FROM granted
    ), answers AS MATERIALIZED (
        -- Not a row of `granted` can miss from `claims`: the insert has no ON CONFLICT, it lands whole or the batch fails.
        SELECT n, actor, key, body_hash,
               jsonb_build_object('hold_id', claim_id, 'hold_token', hold_token, 'person_id', person_id,
                                  'window_id', window_id, 'stock_id', stock_id,
                                  'held_until', decided_at + make_interval(secs => hold_ttl_ms / 1000.0))
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
           coalesce(a.answer, CASE WHEN j.verdict = 'answered' THEN j.first_answer END)::text AS answer,
           NULL::bigint, NULL::text, NULL::bigint, NULL::integer
    FROM judged j LEFT JOIN answers a ON a.n = j.n LEFT JOIN placed p ON p.n = j.n
    ORDER BY j.n;

    -- The counters as this transaction leaves them, in the shape the cache copies.
    RETURN QUERY
    SELECT NULL::integer, NULL::text, NULL::timestamptz, NULL::text, session_id, 'w:' || window_id, version, free
    FROM windows WHERE window_id = ANY (window_ids)
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, w.session_id, 'q:' || q.window_id || ':' || q.channel, q.version, q.free
    FROM window_quotas q JOIN windows w USING (window_id)
    WHERE (q.window_id, q.channel) IN (SELECT * FROM unnest(window_ids, channels))
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, session_id, 'v:' || stock_id, version, free
    FROM session_stocks WHERE stock_id = ANY (stock_ids);
END $$;
COMMENT ON FUNCTION hold_batch IS 'parallel arrays, one element per request; rows with n are words on requests, the others counters';
