-- The rules at the commit: a hold is granted on a pass that is good when it is granted, not a moment before.
--
-- Design
--   * A pass carries the generation of its audience. Publishing an edition of the programme raises it, in the transaction
--     of the edition: what was decided by the rules before it does not book by the rules after it. The first edition of a
--     city ends nothing: there were no rules before it.
--   * Who raises a generation holds a lock that every hold takes shared, so a batch comes wholly before or wholly after.
--     It is taken before any other lock: who waits for it holds nothing that anybody else wants.
--   * A hold without a pass is one of staff, of an offer or of an import: nobody's pass is asked for it here.
--   * Holds at less cost, again: what is so for a place (window, channel, stock) is judged once for it; turns are sorted
--     only where there is not room for all; what can be asked together is asked together (a statement costs some 40 us
--     before its first row, whatever the size of the batch).

CREATE FUNCTION generation_lock() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT hashtextextended('token_generations', 0) $$;
COMMENT ON FUNCTION generation_lock IS 'the advisory lock of whoever raises a generation; a batch of holds takes it shared';

CREATE FUNCTION token_generations_wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(generation_lock());
    RETURN NULL;
END $$;
CREATE TRIGGER token_generations_wait BEFORE UPDATE ON token_generations
    FOR EACH STATEMENT EXECUTE FUNCTION token_generations_wait();

CREATE FUNCTION programme_editions_end_passes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE token_generations SET generation = generation + 1
    WHERE audience = 'pass' AND (SELECT count(*) FROM programme_editions) > (SELECT count(*) FROM new_editions);
    RETURN NULL;
END $$;
CREATE TRIGGER programme_editions_end_passes AFTER INSERT ON programme_editions REFERENCING NEW TABLE AS new_editions
    FOR EACH STATEMENT EXECUTE FUNCTION programme_editions_end_passes();

CREATE OR REPLACE FUNCTION audit_close(link audit_link, entries bigint, lines text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH added AS (
        INSERT INTO audit_links (lane, seq, at, entries, previous, hash)
        VALUES (link.lane, link.seq, link.at, entries, link.previous, sha256(link.previous || convert_to(lines, 'UTF8')))
        RETURNING hash
    )
    UPDATE audit_lanes SET seq = link.seq, head = added.hash FROM added WHERE lane = link.lane;
END $$;

CREATE OR REPLACE FUNCTION move_counters(moves counter_move[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    expected  integer;
    locked    integer;
BEGIN
    WITH move AS MATERIALIZED (
        SELECT window_id, channel, stock_id FROM unnest(moves)
    ), locked_windows AS MATERIALIZED (
        SELECT window_id FROM windows WHERE window_id IN (SELECT window_id FROM move)
        ORDER BY window_id FOR NO KEY UPDATE
    ), locked_quotas AS MATERIALIZED (
        SELECT window_id FROM window_quotas
        WHERE (window_id, channel) IN (SELECT window_id, channel FROM move)
          AND (SELECT count(*) FROM locked_windows) >= 0
        ORDER BY window_id, channel FOR NO KEY UPDATE
    ), locked_stocks AS MATERIALIZED (
        SELECT stock_id FROM session_stocks WHERE stock_id IN (SELECT stock_id FROM move)
          AND (SELECT count(*) FROM locked_quotas) >= 0
        ORDER BY stock_id FOR NO KEY UPDATE
    )
    SELECT l.stocks + (SELECT count(*) FROM locked_windows) + (SELECT count(*) FROM locked_quotas),
           (SELECT count(DISTINCT window_id) + count(DISTINCT (window_id, channel)) + count(DISTINCT stock_id) FROM move)
    INTO locked, expected
    FROM (SELECT count(*) AS stocks FROM locked_stocks) AS l;
    IF locked <> expected THEN
        RAISE EXCEPTION 'a claim names a window, channel or stock that does not exist' USING ERRCODE = '23503';
    END IF;
    WITH move AS MATERIALIZED (
        SELECT * FROM unnest(moves)
    ), changed_windows AS (
        UPDATE windows w SET held = w.held + d.held, booked = w.booked + d.booked
        FROM (SELECT window_id, sum(held) AS held, sum(booked) AS booked FROM move GROUP BY 1) AS d
        WHERE w.window_id = d.window_id
    ), changed_quotas AS (
        UPDATE window_quotas q SET held = q.held + d.held, booked = q.booked + d.booked
        FROM (SELECT window_id, channel, sum(held) AS held, sum(booked) AS booked FROM move GROUP BY 1, 2) AS d
        WHERE q.window_id = d.window_id AND q.channel = d.channel
    )
    UPDATE session_stocks s SET held = s.held + d.held, booked = s.booked + d.booked
    FROM (SELECT stock_id, sum(held) AS held, sum(booked) AS booked FROM move GROUP BY 1) AS d
    WHERE s.stock_id = d.stock_id;
END $$;

CREATE OR REPLACE FUNCTION claims_made() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    made     bigint;
    held     bigint;
    known    bigint;
    moves    counter_move[];
    torn     boolean;
    link     audit_link;
    lines    text;
BEGIN
    -- The people are looked up one by one, whatever the planner believes of a table that has just been filled.
    SELECT count(*), count(*) FILTER (WHERE state = 'held'),
           count((SELECT p.person_id FROM persons p WHERE p.person_id = n.person_id))
    INTO made, held, known FROM new_claims n;
    IF made = 0 THEN
        RETURN NULL;
    END IF;
    IF held <> made THEN
        RAISE EXCEPTION 'a claim begins as a hold' USING ERRCODE = 'HM003';
    END IF;
    IF known <> made THEN
        RAISE EXCEPTION 'a claim names a person who does not exist' USING ERRCODE = '23503';
    END IF;
    SELECT array_agg((n.window_id, n.channel, n.stock_id, n.places, 0)::counter_move),
           bool_or(w.session_id <> s.session_id)
    INTO moves, torn
    FROM (SELECT window_id, channel, stock_id, count(*)::integer AS places FROM new_claims GROUP BY 1, 2, 3) AS n
         LEFT JOIN windows w USING (window_id) LEFT JOIN session_stocks s USING (stock_id);
    PERFORM move_counters(moves);
    IF torn THEN
        RAISE EXCEPTION 'window and stock belong to different clinic sessions' USING ERRCODE = '23503';
    END IF;
    WITH series_of AS MATERIALIZED (
        SELECT s.stock_id, v.series
        FROM (SELECT DISTINCT stock_id FROM new_claims) AS n JOIN session_stocks s USING (stock_id)
             JOIN products p USING (product_id) JOIN vaccine_series v USING (vaccine_code)
    )
    INSERT INTO live_claims (person_id, series, claim_id)
    SELECT n.person_id, v.series, n.claim_id FROM new_claims n JOIN series_of v USING (stock_id)
    ORDER BY n.person_id, v.series;

    link := audit_open();
    WITH entry AS MATERIALIZED (
        SELECT row_number() OVER ()::integer AS n, changed_by AS actor, changed_from AS source,
               'claim:' || claim_id AS subject, change_reason AS reason,
               jsonb_build_object('person', person_id, 'window', window_id, 'channel', channel, 'stock', stock_id) AS detail
        FROM new_claims
    ), written AS (
        INSERT INTO audit_entries (at, lane, seq, n, actor, source, action, subject, reason, detail, database_user)
        SELECT link.at, link.lane, link.seq, n, actor, source, 'claim.held', subject, reason, detail, session_user FROM entry
    )
    SELECT string_agg(audit_line(n, link.at, actor, source, 'claim.held', subject, reason, detail, session_user),
                      E'\x1e' ORDER BY n)
    INTO lines FROM entry;
    PERFORM audit_close(link, made, lines);
    RETURN NULL;
END $$;

DROP FUNCTION hold_batch;
CREATE FUNCTION hold_batch(
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
    WITH series_of AS MATERIALIZED (
        SELECT s.stock_id, v.series
        FROM session_stocks s JOIN products p USING (product_id) JOIN vaccine_series v USING (vaccine_code)
        WHERE s.stock_id = ANY (stock_ids)
    ), place AS MATERIALIZED (
        SELECT a.window_id, a.channel, a.stock_id, q.bookable_from,
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
               r.key, r.body_hash, r.source, k.answer AS first_answer, p.bookable_from,
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
                 SELECT l.claim_id FROM series_of v JOIN live_claims l USING (series)
                 WHERE v.stock_id = r.stock_id AND l.person_id = r.person_id LIMIT 1) AS live ON true
    ), behind AS MATERIALIZED (
        -- An earlier request of this batch wants the same series for the same person. Whether it gets a claim is not known
        -- here, and a refused one takes nothing, so this one asks again.
        SELECT DISTINCT n FROM (SELECT n, row_number() OVER (PARTITION BY person_id, series ORDER BY n) AS turn
                                FROM judged JOIN series_of USING (stock_id) WHERE verdict IS NULL AND NOT roomy) AS series_turns
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
COMMENT ON FUNCTION hold_batch IS 'parallel arrays, one element per request; rows with n are words on requests, the others counters';
