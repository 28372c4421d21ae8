-- What a batch asks of small tables is looked up one by one.
--
-- Windows, quotas and stocks of a batch were joined to their tables, and a planner that sees some hundred rows, or sees
-- them only when the plan is made, reads the whole table: a batch of one hold with 700 windows in the city cost a third
-- more than it had to, one of 48 a fifth. Most of it at every batch, whatever its size.
--
-- Design
--   * hold_batch finds out once what is asked for (each place once, how often), and asks for that by its keys, one by one.
--   * So do the triggers behind it.
--   * Who moves a counter raises its version in the same update. The trigger looks to it that nobody can do otherwise, and
--     is called only where somebody did.
--   * Otherwise hold_batch is that of 0026, claims_made and the moves of counters are those of 0024, claims_moved is that of
--     0007: same locks in the same order, same words.

CREATE TYPE asked_place AS (window_id bigint, channel text, stock_id bigint);
COMMENT ON TYPE asked_place IS 'what a hold asks for: a place in a window, of a channel''s quota, and a dose of a stock';

CREATE OR REPLACE FUNCTION hold_batch(
    claim_ids uuid[], hold_tokens uuid[], actors text[], account_ids uuid[], person_ids uuid[], window_ids bigint[],
    channels text[], stock_ids bigint[], keys text[], body_hashes bytea[], sources text[],
    pass_generations bigint[], hold_ttl_ms integer
) RETURNS TABLE (n integer, code text, retry_at timestamptz, answer text,
                 session_id bigint, field text, version bigint, free integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    places      asked_place[];  -- what is asked for, each once
    in_windows  bigint[];
    of_stocks   bigint[];
    roomy       boolean;        -- there is room for everybody in the batch, and nobody is in it twice
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
    ), asked AS MATERIALIZED (
        SELECT window_id, channel, stock_id, count(*) AS holds
        FROM unnest(window_ids, channels, stock_ids) AS u (window_id, channel, stock_id) GROUP BY 1, 2, 3
    ), locked_windows AS MATERIALIZED (
        SELECT window_id, free FROM windows
        WHERE window_id = ANY (ARRAY(SELECT window_id FROM asked)) AND (SELECT locked FROM people) >= 0
        ORDER BY window_id FOR NO KEY UPDATE
    ), locked_quotas AS MATERIALIZED (
        SELECT window_id, channel, free FROM window_quotas
        WHERE window_id = ANY (ARRAY(SELECT window_id FROM asked))
          AND (window_id, channel) IN (SELECT window_id, channel FROM asked)
          AND (SELECT count(*) FROM locked_windows) >= 0
        ORDER BY window_id, channel FOR NO KEY UPDATE
    ), locked_stocks AS MATERIALIZED (
        SELECT stock_id, CASE WHEN no_new_vial_from IS NULL THEN free ELSE 0 END AS free FROM session_stocks
        WHERE stock_id = ANY (ARRAY(SELECT stock_id FROM asked)) AND (SELECT count(*) FROM locked_quotas) >= 0
        ORDER BY stock_id FOR NO KEY UPDATE
    )
    SELECT (SELECT locked FROM people) = cardinality(person_ids) AND NOT EXISTS (
               SELECT FROM (SELECT window_id, sum(holds) AS holds FROM asked GROUP BY 1) AS a
                           JOIN locked_windows l USING (window_id) WHERE a.holds > l.free
               UNION ALL
               SELECT FROM (SELECT window_id, channel, sum(holds) AS holds FROM asked GROUP BY 1, 2) AS a
                           JOIN locked_quotas l USING (window_id, channel) WHERE a.holds > l.free
               UNION ALL
               SELECT FROM (SELECT stock_id, sum(holds) AS holds FROM asked GROUP BY 1) AS a
                           JOIN locked_stocks l USING (stock_id) WHERE a.holds > l.free),
           every.places, every.in_windows, every.of_stocks
    INTO roomy, places, in_windows, of_stocks
    FROM (SELECT count(*) FROM locked_stocks) AS every_lock,
         (SELECT array_agg((window_id, channel, stock_id)::asked_place) AS places, array_agg(window_id) AS in_windows,
                 array_agg(stock_id) AS of_stocks FROM asked) AS every;
    decided_at := clock_timestamp();

    RETURN QUERY
    -- Looked up one by one, whatever the planner believes of tables that are small or have just been filled: places here,
    -- keys, people and live claims below.
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
        FROM unnest(places) AS a
             LEFT JOIN LATERAL (SELECT * FROM windows WHERE window_id = a.window_id LIMIT 1) AS w ON true
             LEFT JOIN LATERAL (SELECT state FROM clinic_sessions WHERE session_id = w.session_id LIMIT 1) AS c ON true
             LEFT JOIN LATERAL (SELECT * FROM window_quotas
                                WHERE window_id = a.window_id AND channel = a.channel LIMIT 1) AS q ON true
             LEFT JOIN LATERAL (SELECT * FROM session_stocks WHERE stock_id = a.stock_id LIMIT 1) AS s ON true
    ), judged AS MATERIALIZED (
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
    FROM windows WHERE window_id = ANY (in_windows)
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, w.session_id, 'q:' || q.window_id || ':' || q.channel, q.version, q.free
    FROM (SELECT DISTINCT window_id, channel FROM unnest(places)) AS a
         CROSS JOIN LATERAL (SELECT * FROM window_quotas WHERE window_id = a.window_id AND channel = a.channel LIMIT 1) AS q
         CROSS JOIN LATERAL (SELECT session_id FROM windows WHERE window_id = a.window_id LIMIT 1) AS w
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, session_id, 'v:' || stock_id, version, free
    FROM session_stocks WHERE stock_id = ANY (of_stocks);
END $$;

CREATE OR REPLACE FUNCTION move_counters_of_one(move counter_move) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moved  boolean;
BEGIN
    -- Each waits for the one before: windows, quotas, stocks, as everybody.
    WITH moved_windows AS (
        UPDATE windows SET held = held + move.held, booked = booked + move.booked, version = version + 1
        WHERE window_id = move.window_id RETURNING 1
    ), moved_quotas AS (
        UPDATE window_quotas SET held = held + move.held, booked = booked + move.booked, version = version + 1
        WHERE window_id = move.window_id AND channel = move.channel AND (SELECT count(*) FROM moved_windows) = 1
        RETURNING 1
    ), moved_stocks AS (
        UPDATE session_stocks SET held = held + move.held, booked = booked + move.booked, version = version + 1
        WHERE stock_id = move.stock_id AND (SELECT count(*) FROM moved_quotas) = 1 RETURNING 1
    )
    SELECT count(*) = 1 INTO moved FROM moved_stocks;
    IF NOT moved THEN
        RAISE EXCEPTION 'a claim names a window, channel or stock that does not exist' USING ERRCODE = '23503';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION move_counters_of_many(moves counter_move[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    expected  integer;
    locked    integer;
BEGIN
    WITH move AS MATERIALIZED (
        SELECT window_id, channel, stock_id FROM unnest(moves)
    ), locked_windows AS MATERIALIZED (
        SELECT window_id FROM windows WHERE window_id = ANY (ARRAY(SELECT window_id FROM move))
        ORDER BY window_id FOR NO KEY UPDATE
    ), locked_quotas AS MATERIALIZED (
        SELECT window_id FROM window_quotas
        WHERE window_id = ANY (ARRAY(SELECT window_id FROM move))
          AND (window_id, channel) IN (SELECT window_id, channel FROM move)
          AND (SELECT count(*) FROM locked_windows) >= 0
        ORDER BY window_id, channel FOR NO KEY UPDATE
    ), locked_stocks AS MATERIALIZED (
        SELECT stock_id FROM session_stocks WHERE stock_id = ANY (ARRAY(SELECT stock_id FROM move))
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
        UPDATE windows w SET held = w.held + d.held, booked = w.booked + d.booked, version = w.version + 1
        FROM (SELECT window_id, sum(held) AS held, sum(booked) AS booked FROM move GROUP BY 1) AS d
        WHERE w.window_id = d.window_id AND w.window_id = ANY (ARRAY(SELECT window_id FROM move))
    ), changed_quotas AS (
        UPDATE window_quotas q SET held = q.held + d.held, booked = q.booked + d.booked, version = q.version + 1
        FROM (SELECT window_id, channel, sum(held) AS held, sum(booked) AS booked FROM move GROUP BY 1, 2) AS d
        WHERE q.window_id = d.window_id AND q.channel = d.channel AND q.window_id = ANY (ARRAY(SELECT window_id FROM move))
    )
    UPDATE session_stocks s SET held = s.held + d.held, booked = s.booked + d.booked, version = s.version + 1
    FROM (SELECT stock_id, sum(held) AS held, sum(booked) AS booked FROM move GROUP BY 1) AS d
    WHERE s.stock_id = d.stock_id AND s.stock_id = ANY (ARRAY(SELECT stock_id FROM move));
END $$;

CREATE OR REPLACE FUNCTION claims_made() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    made   bigint;
    held   bigint;
    known  bigint;
    moves  counter_move[];
    torn   boolean;
BEGIN
    -- The people are looked up one by one, whatever the planner believes of a table that has just been filled.
    SELECT sum(n.places), sum(n.held), sum(n.known),
           array_agg((n.window_id, n.channel, n.stock_id, n.places, 0)::counter_move), bool_or(w.session_id <> s.session_id)
    INTO made, held, known, moves, torn
    FROM (SELECT window_id, channel, stock_id, count(*)::integer AS places, count(*) FILTER (WHERE state = 'held') AS held,
                 count((SELECT p.person_id FROM persons p WHERE p.person_id = c.person_id)) AS known
          FROM new_claims c GROUP BY 1, 2, 3) AS n
         LEFT JOIN LATERAL (SELECT session_id FROM windows WHERE window_id = n.window_id LIMIT 1) AS w ON true
         LEFT JOIN LATERAL (SELECT session_id FROM session_stocks WHERE stock_id = n.stock_id LIMIT 1) AS s ON true;
    IF made IS NULL THEN
        RETURN NULL;
    END IF;
    IF held <> made THEN
        RAISE EXCEPTION 'a claim begins as a hold' USING ERRCODE = 'HM003';
    END IF;
    IF known <> made THEN
        RAISE EXCEPTION 'a claim names a person who does not exist' USING ERRCODE = '23503';
    END IF;
    PERFORM move_counters(moves);
    IF torn THEN
        RAISE EXCEPTION 'window and stock belong to different clinic sessions' USING ERRCODE = '23503';
    END IF;
    WITH series_of AS MATERIALIZED (
        SELECT n.stock_id, v.series
        FROM (SELECT DISTINCT stock_id FROM new_claims) AS n
             CROSS JOIN LATERAL (SELECT product_id FROM session_stocks WHERE stock_id = n.stock_id LIMIT 1) AS s
             JOIN products p USING (product_id) JOIN vaccine_series v USING (vaccine_code)
    )
    INSERT INTO live_claims (person_id, series, claim_id)
    SELECT n.person_id, v.series, n.claim_id FROM new_claims n JOIN series_of v USING (stock_id)
    ORDER BY n.person_id, v.series;

    LOOP
        WITH lane AS MATERIALIZED (
            SELECT lane, seq + 1 AS seq, head FROM audit_lanes WHERE lane = pg_backend_pid() % 1024 FOR UPDATE
        ), entry AS MATERIALIZED (
            SELECT l.lane, l.seq, row_number() OVER ()::integer AS n, c.changed_by AS actor, c.changed_from AS source,
                   'claim:' || c.claim_id AS subject, c.change_reason AS reason,
                   jsonb_build_object('person', c.person_id, 'window', c.window_id, 'channel', c.channel,
                                      'stock', c.stock_id) AS detail
            FROM lane l CROSS JOIN new_claims c
        ), written AS (
            INSERT INTO audit_entries (at, lane, seq, n, actor, source, action, subject, reason, detail, database_user)
            SELECT statement_timestamp(), lane, seq, n, actor, source, 'claim.held', subject, reason, detail, session_user
            FROM entry
        ), link AS (
            INSERT INTO audit_links (lane, seq, at, entries, previous, hash)
            SELECT l.lane, l.seq, statement_timestamp(), made, l.head, sha256(l.head || convert_to(e.lines, 'UTF8'))
            FROM lane l CROSS JOIN (
                SELECT string_agg(audit_line(n, statement_timestamp(), actor, source, 'claim.held', subject, reason, detail,
                                             session_user), E'\x1e' ORDER BY n) AS lines FROM entry) AS e
            RETURNING lane, seq, hash
        )
        UPDATE audit_lanes l SET seq = k.seq, head = k.hash FROM link k WHERE l.lane = k.lane;
        EXIT WHEN FOUND;
        INSERT INTO audit_lanes (lane, seq, head) VALUES (pg_backend_pid() % 1024, 0, ''::bytea) ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN NULL;
END $$;

DROP TRIGGER windows_version ON windows;
CREATE TRIGGER windows_version BEFORE UPDATE ON windows FOR EACH ROW
    WHEN (NEW.version IS DISTINCT FROM OLD.version + 1) EXECUTE FUNCTION rise_version();
DROP TRIGGER window_quotas_version ON window_quotas;
CREATE TRIGGER window_quotas_version BEFORE UPDATE ON window_quotas FOR EACH ROW
    WHEN (NEW.version IS DISTINCT FROM OLD.version + 1) EXECUTE FUNCTION rise_version();
DROP TRIGGER session_stocks_version ON session_stocks;
CREATE TRIGGER session_stocks_version BEFORE UPDATE ON session_stocks FOR EACH ROW
    WHEN (NEW.version IS DISTINCT FROM OLD.version + 1) EXECUTE FUNCTION rise_version();

-- Of claims_moved two passages change: each has to be found there once, else nothing is changed.
CREATE FUNCTION pg_temp.amended(body text, passage text, instead text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF length(body) - length(replace(body, passage, '')) <> length(passage) THEN
        RAISE EXCEPTION 'this passage is not there, or more than once: %', passage;
    END IF;
    RETURN replace(body, passage, instead);
END $$;

DO $amend$
DECLARE
    body  text := pg_get_functiondef('claims_moved'::regproc);
BEGIN
    body := pg_temp.amended(body, $passage$
    IF EXISTS (SELECT FROM new_claims n JOIN windows w USING (window_id) JOIN session_stocks s USING (stock_id)
               WHERE w.session_id <> s.session_id) THEN
$passage$, $instead$
    IF EXISTS (SELECT FROM new_claims n
                    CROSS JOIN LATERAL (SELECT session_id FROM windows WHERE window_id = n.window_id LIMIT 1) AS w
                    CROSS JOIN LATERAL (SELECT session_id FROM session_stocks WHERE stock_id = n.stock_id LIMIT 1) AS s
               WHERE w.session_id <> s.session_id) THEN
$instead$);
    body := pg_temp.amended(body, $passage$
    FROM new_claims n JOIN old_claims o USING (claim_id) JOIN session_stocks s ON s.stock_id = n.stock_id
         JOIN products p USING (product_id) JOIN vaccine_series v USING (vaccine_code)
$passage$, $instead$
    FROM new_claims n JOIN old_claims o USING (claim_id)
         CROSS JOIN LATERAL (SELECT product_id FROM session_stocks WHERE stock_id = n.stock_id LIMIT 1) AS s
         JOIN products p USING (product_id) JOIN vaccine_series v USING (vaccine_code)
$instead$);
    EXECUTE body;
END $amend$;
DROP FUNCTION pg_temp.amended;
