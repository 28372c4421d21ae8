-- The price of a batch whatever its size: the same rules as 0020, with fewer statements. Each costs some 40 us before its
-- first row, and below the peak batches are small.
--
-- Design
--   * Counters of one place are moved and found missing by one statement. Of several, they are locked in order before.
--   * What a trigger asks of the claims it was called for is asked at once.
--   * Entries of the audit chain, their link and the head of the lane are one statement, which does nothing where the
--     lane of this backend does not exist yet: it is made, and the statement is done again.

CREATE FUNCTION move_counters_of_one(move counter_move) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moved  boolean;
BEGIN
    -- Each waits for the one before: windows, quotas, stocks, as everybody.
    WITH moved_windows AS (
        UPDATE windows SET held = held + move.held, booked = booked + move.booked
        WHERE window_id = move.window_id RETURNING 1
    ), moved_quotas AS (
        UPDATE window_quotas SET held = held + move.held, booked = booked + move.booked
        WHERE window_id = move.window_id AND channel = move.channel AND (SELECT count(*) FROM moved_windows) = 1
        RETURNING 1
    ), moved_stocks AS (
        UPDATE session_stocks SET held = held + move.held, booked = booked + move.booked
        WHERE stock_id = move.stock_id AND (SELECT count(*) FROM moved_quotas) = 1 RETURNING 1
    )
    SELECT count(*) = 1 INTO moved FROM moved_stocks;
    IF NOT moved THEN
        RAISE EXCEPTION 'a claim names a window, channel or stock that does not exist' USING ERRCODE = '23503';
    END IF;
END $$;
COMMENT ON FUNCTION move_counters_of_one IS 'moves the counters of one place, which have to be there';

ALTER FUNCTION move_counters(counter_move[]) RENAME TO move_counters_of_many;
COMMENT ON FUNCTION move_counters_of_many IS 'locks the counters of all places in order, then moves them';

CREATE FUNCTION move_counters(moves counter_move[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(moves) = 1 THEN
        PERFORM move_counters_of_one(moves[1]);
    ELSE
        PERFORM move_counters_of_many(moves);
    END IF;
END $$;
COMMENT ON FUNCTION move_counters IS 'moves counters as claims did; windows, quotas, stocks, each in one order for everybody';

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
         LEFT JOIN windows w USING (window_id) LEFT JOIN session_stocks s USING (stock_id);
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
        SELECT s.stock_id, v.series
        FROM (SELECT DISTINCT stock_id FROM new_claims) AS n JOIN session_stocks s USING (stock_id)
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
