-- A place of a batch knows its series. They were looked up in a list for all places of the batch, read once for each
-- request: 50,000 rows for 500 holds in 100 windows, a tenth of what such a batch cost. The rules are those of 0020.

CREATE OR REPLACE FUNCTION hold_batch(
    claim_ids uuid[], hold_tokens uuid[], actors text[], account_ids uuid[], person_ids uuid[], window_ids bigint[],
    channels text[], stock_ids bigint[], keys text[], body_hashes bytea[], sources text[],
    pass_generations bigint[], hold_ttl_ms integer
) RETURNS TABLE (n integer, code text, retry_at timestamptz, answer text,
                 session_id bigint, field text, version bigint, free integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    roomy       boolean;      -- there is room for everybody in the batch, and nobody is in it twice
    decided_at  timestamptz;
BEGIN
    -- The rules, the people, then the counters, each in one order for everybody. A person's lock makes "one live claim per
    -- series" exact across processes; it ends with the transaction. A locked row is as its last writer left it.
    WITH rules AS MATERIALIZED (
        SELECT count(pg_advisory_xact_lock_shared(generation_lock())) AS locked
    ), people AS MATERIALIZED (
        SELECT count(pg_advisory_xact_lock(hashtextextended(person_id::text, 0))) AS locked
        FROM (SELECT DISTINCT person_id FROM unnest(person_ids) AS p (person_id)
              WHERE (SELECT locked FROM rules) > 0 ORDER BY person_id) AS ordered
    ), locked_windows AS MATERIALIZED (
        SELECT window_id, free FROM windows
        WHERE window_id = ANY (window_ids) AND (SELECT locked FROM people) >= 0
        ORDER BY window_id FOR NO KEY UPDATE
    ), locked_quotas AS MATERIALIZED (
        SELECT window_id, channel, free FROM window_quotas
        WHERE (window_id, channel) IN (SELECT * FROM unnest(window_ids, channels))
          AND (SELECT count(*) FROM locked_windows) >= 0
        ORDER BY window_id, channel FOR NO KEY UPDATE
    ), locked_stocks AS MATERIALIZED (
        SELECT stock_id, CASE WHEN no_new_vial_from IS NULL THEN free ELSE 0 END AS free FROM session_stocks
        WHERE stock_id = ANY (stock_ids) AND (SELECT count(*) FROM locked_quotas) >= 0
        ORDER BY stock_id FOR NO KEY UPDATE
    )
    SELECT (SELECT locked FROM people) = cardinality(person_ids) AND NOT EXISTS (
               SELECT FROM (SELECT window_id, count(*) FROM unnest(window_ids) AS u (window_id) GROUP BY 1) AS asked
                           JOIN locked_windows l USING (window_id) WHERE asked.count > l.free
               UNION ALL
               SELECT FROM (SELECT window_id, channel, count(*) FROM unnest(window_ids, channels) AS u (window_id, channel)
                            GROUP BY 1, 2) AS asked
                           JOIN locked_quotas l USING (window_id, channel) WHERE asked.count > l.free
               UNION ALL
               SELECT FROM (SELECT stock_id, count(*) FROM unnest(stock_ids) AS u (stock_id) GROUP BY 1) AS asked
                           JOIN locked_stocks l USING (stock_id) WHERE asked.count > l.free)
    INTO roomy
    FROM (SELECT count(*) FROM locked_stocks) AS every_lock;
    decided_at := clock_timestamp();

    RETURN QUERY
    WITH place AS MATERIALIZED (
        SELECT a.window_id, a.channel, a.stock_id, q.bookable_from,
               ARRAY(SELECT v.series FROM products p JOIN vaccine_series v USING (vaccine_code)
                     WHERE p.product_id = s.product_id) AS series,
               w.free AS window_free, q.free AS quota_free, s.free AS stock_free,
               CASE WHEN s.no_new_vial_from <= decided_at
                    THEN (s.vial_size - (s.held + s.booked) % s.vial_size) % s.vial_size ELSE s.free END AS doses_open,
               CASE
                   WHEN w.window_id IS NULL THEN 'unknown_window'
                   WHEN c.state <> 'published' THEN 'session_closed'
                   WHEN q.window_id IS NULL THEN 'wrong_channel'
                   WHEN s.stock_id IS NULL OR s.session_id <> w.session_id THEN 'no_such_stock'
                   WHEN w.bookable_until <= decided_at THEN 'booking_ended'
                   WHEN q.bookable_from > decided_at THEN 'not_yet_bookable'
               END AS verdict
        FROM (SELECT DISTINCT * FROM unnest(window_ids, channels, stock_ids) AS u (window_id, channel, stock_id)) AS a
             LEFT JOIN windows w ON w.window_id = a.window_id
             LEFT JOIN clinic_sessions c ON c.session_id = w.session_id
             LEFT JOIN window_quotas q ON q.window_id = a.window_id AND q.channel = a.channel
             LEFT JOIN session_stocks s ON s.stock_id = a.stock_id
    ), judged AS MATERIALIZED (
        -- Keys, people and live claims are looked up one by one, whatever the planner believes of tables that have just
        -- been filled.
        SELECT r.n, r.claim_id, r.hold_token, r.actor, r.account_id, r.person_id, r.window_id, r.channel, r.stock_id,
               r.key, r.body_hash, r.source, k.answer AS first_answer, p.bookable_from, p.series,
               p.window_free, p.quota_free, p.stock_free, p.doses_open,
               CASE
                   WHEN k.key IS NOT NULL AND k.operation = 'hold' AND k.body_hash = r.body_hash THEN 'answered'
                   WHEN k.key IS NOT NULL THEN 'key_reused'
                   WHEN r.pass_generation < (SELECT generation FROM token_generations WHERE audience = 'pass')
                       THEN 'pass_invalid'
                   WHEN allowed.person_id IS NULL THEN 'unknown_person'
                   WHEN p.verdict IS NOT NULL THEN p.verdict
                   WHEN live.claim_id IS NOT NULL THEN 'duplicate_claim'
               END AS verdict
        FROM unnest(claim_ids, hold_tokens, actors, account_ids, person_ids, window_ids, channels,
                    stock_ids, keys, body_hashes, sources, pass_generations) WITH ORDINALITY
                 AS r (claim_id, hold_token, actor, account_id, person_id, window_id, channel, stock_id, key, body_hash,
                       source, pass_generation, n)
             JOIN place p USING (window_id, channel, stock_id)
             LEFT JOIN LATERAL (
                 SELECT i.key, i.operation, i.body_hash, i.answer FROM idempotency_keys i
                 WHERE i.actor = r.actor AND i.key = r.key LIMIT 1) AS k ON true
             LEFT JOIN LATERAL (
                 (SELECT g.person_id FROM guardianships g JOIN accounts a USING (account_id)
                  WHERE g.account_id = r.account_id AND g.person_id = r.person_id AND g.ended_at IS NULL
                    AND a.status = 'active' LIMIT 1)
                 UNION ALL
                 (SELECT p.person_id FROM persons p
                  WHERE r.account_id IS NULL AND p.person_id = r.person_id AND p.status = 'active' LIMIT 1)
             ) AS allowed ON true
             LEFT JOIN LATERAL (
                 SELECT l.claim_id FROM live_claims l
                 WHERE l.person_id = r.person_id AND l.series = ANY (p.series) LIMIT 1) AS live ON true
    ), behind AS MATERIALIZED (
        -- An earlier request of this batch wants the same series for the same person. Whether it gets a claim is not known
        -- here, and a refused one takes nothing, so this one asks again.
        SELECT DISTINCT n FROM (SELECT n, row_number() OVER (PARTITION BY person_id, one_of.series ORDER BY n) AS turn
                                FROM judged CROSS JOIN unnest(series) AS one_of (series)
                                WHERE verdict IS NULL AND NOT roomy) AS series_turns
        WHERE turn > 1
    ), turns AS MATERIALIZED (
        SELECT n, n IN (SELECT n FROM behind) AS behind,
               row_number() OVER (PARTITION BY window_id ORDER BY n) AS window_turn,
               row_number() OVER (PARTITION BY window_id, channel ORDER BY n) AS quota_turn,
               row_number() OVER (PARTITION BY stock_id ORDER BY n) AS stock_turn
        FROM judged WHERE verdict IS NULL AND NOT roomy
    ), granted AS MATERIALIZED (
        SELECT j.n, claim_id, hold_token, actor, account_id, person_id, window_id, channel, stock_id, key, body_hash, source,
               json_build_object('hold_id', claim_id, 'hold_token', hold_token, 'person_id', person_id,
                                  'window_id', window_id, 'stock_id', stock_id,
                                  'held_until', decided_at + make_interval(secs => hold_ttl_ms / 1000.0)) AS answer
        FROM judged j LEFT JOIN turns t USING (n)
        WHERE verdict IS NULL
          AND (roomy OR (window_turn <= window_free AND quota_turn <= quota_free
                         AND stock_turn <= least(stock_free, doses_open) AND NOT behind))
    ), held AS (
        INSERT INTO claims (claim_id, hold_token, person_id, account_id, window_id, channel, stock_id, held_at, held_until,
                            changed_by, changed_from)
        SELECT claim_id, hold_token, person_id, account_id, window_id, channel, stock_id, decided_at,
               decided_at + make_interval(secs => hold_ttl_ms / 1000.0), actor, source
        FROM granted
    ), remembered AS (
        -- Not a row of `granted` can miss from `claims`: the insert has no ON CONFLICT, it lands whole or the batch fails.
        INSERT INTO idempotency_keys (actor, key, operation, body_hash, answer)
        SELECT actor, key, 'hold', body_hash, answer FROM granted
    )
    SELECT j.n::integer AS n,
           CASE
               WHEN g.n IS NOT NULL THEN 'granted'
               WHEN j.verdict IS NOT NULL THEN j.verdict
               WHEN t.behind THEN 'contended'
               -- the first counter that says no: it is empty, or those before this one may have emptied it
               WHEN j.window_free <= 0 THEN 'window_full'
               WHEN t.window_turn > j.window_free THEN 'contended'
               WHEN j.quota_free <= 0 THEN 'channel_full'
               WHEN t.quota_turn > j.quota_free THEN 'contended'
               WHEN j.stock_free <= 0 THEN 'out_of_stock'
               WHEN t.stock_turn > j.stock_free THEN 'contended'
               WHEN j.doses_open <= 0 THEN 'vial_not_opened'
               ELSE 'contended'
           END AS code,
           CASE WHEN j.verdict = 'not_yet_bookable' THEN j.bookable_from END AS retry_at,
           coalesce(g.answer, CASE WHEN j.verdict = 'answered' THEN j.first_answer END)::text AS answer,
           NULL::bigint, NULL::text, NULL::bigint, NULL::integer
    FROM judged j LEFT JOIN granted g USING (n) LEFT JOIN turns t USING (n)
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
