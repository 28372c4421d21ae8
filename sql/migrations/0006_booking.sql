-- Booking: claims (holds and reservations) and what follows from them.
--
-- Design
--   * One row per claim, from hold to its end:
--       held -> confirmed | released | expired
--       confirmed -> cancelled | checked_in | no_show        checked_in -> fulfilled
--     live = held, confirmed, checked_in.   Nothing leaves an ended state (P5).
--   * A writer touches `claims` and nothing else. In the same statement a trigger
--       1. refuses a state move that is not in the table above (P5),
--       2. locks the counters in order (windows, quotas, stocks; each by id) and moves them by what really changed (P1),
--       3. keeps `live_claims`, whose primary key is P3: one live claim per person and series,
--       4. writes the audit entries (P8) and the messages owed to the resident (P9).
--     A direct SQL writer goes through the same gate as the application.
--   * Counters are locked before live_claims is touched, always: two writers cannot wait for each other in a ring.
--   * held_until is on the database's clock, as are all deadlines.
--   * Not here: no "pending", no "draft", no soft delete. A reservation moved to another window keeps its claim.
--   * Claims grow by some five million rows a year; ended ones can be moved out by held_at. See docs/decisions.

CREATE TYPE claim_state AS ENUM
    ('held', 'confirmed', 'released', 'expired', 'cancelled', 'checked_in', 'fulfilled', 'no_show');

CREATE FUNCTION counts_as_held(state claim_state) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT state = 'held' $$;
CREATE FUNCTION counts_as_booked(state claim_state) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT state IN ('confirmed', 'checked_in', 'fulfilled', 'no_show') $$;
CREATE FUNCTION is_live(state claim_state) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT state IN ('held', 'confirmed', 'checked_in') $$;

CREATE TABLE claims (
    claim_id       uuid PRIMARY KEY,
    hold_token     uuid NOT NULL,
    person_id      uuid NOT NULL,               -- checked for a whole batch at once by the trigger
    account_id     uuid,                       -- the account that booked; null when staff did
    window_id      bigint NOT NULL,
    channel        text NOT NULL,
    stock_id       bigint NOT NULL,
    state          claim_state NOT NULL DEFAULT 'held',
    held_at        timestamptz NOT NULL,
    held_until     timestamptz NOT NULL,
    confirmed_at   timestamptz,
    ended_at       timestamptz,
    changed_by     text NOT NULL,
    changed_from   text NOT NULL,
    change_reason  text,
    CHECK (held_at < held_until),
    CHECK ((state IN ('released', 'expired', 'cancelled', 'fulfilled', 'no_show')) = (ended_at IS NOT NULL))
) WITH (fillfactor = 85);
CREATE INDEX claims_by_person ON claims (person_id, held_at DESC);
CREATE INDEX claims_due ON claims (held_until) WHERE state = 'held';
COMMENT ON COLUMN claims.hold_token IS 'secret of the claim; who holds it and owns the claim may confirm';

CREATE TABLE live_claims (
    person_id  uuid NOT NULL,
    series     text NOT NULL,
    claim_id   uuid NOT NULL,
    PRIMARY KEY (person_id, series)
);
COMMENT ON TABLE live_claims IS 'P3: at most one live claim per person and series; kept by the trigger of claims';
CREATE TRIGGER live_claims_kept BEFORE INSERT OR UPDATE OR DELETE ON live_claims FOR EACH ROW
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_change('live claims follow the claims');

CREATE TYPE counter_move AS (window_id bigint, channel text, stock_id bigint, held integer, booked integer);

-- Lock every counter that the moves name, in order, then move them. A move that names no counter is refused.
CREATE FUNCTION move_counters(moves counter_move[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    expected  integer;
    moved     integer;
BEGIN
    PERFORM 1 FROM windows WHERE window_id IN (SELECT m.window_id FROM unnest(moves) m)
        ORDER BY window_id FOR NO KEY UPDATE;
    PERFORM 1 FROM window_quotas WHERE (window_id, channel) IN (SELECT m.window_id, m.channel FROM unnest(moves) m)
        ORDER BY window_id, channel FOR NO KEY UPDATE;
    PERFORM 1 FROM session_stocks WHERE stock_id IN (SELECT m.stock_id FROM unnest(moves) m)
        ORDER BY stock_id FOR NO KEY UPDATE;

    SELECT count(DISTINCT m.window_id) + count(DISTINCT (m.window_id, m.channel)) + count(DISTINCT m.stock_id)
        INTO expected FROM unnest(moves) m;
    WITH delta AS (
        SELECT m.window_id, sum(m.held) AS held, sum(m.booked) AS booked FROM unnest(moves) m GROUP BY 1
    ), changed_windows AS (
        UPDATE windows w SET held = w.held + d.held, booked = w.booked + d.booked
        FROM delta d WHERE w.window_id = d.window_id RETURNING 1
    ), quota_delta AS (
        SELECT m.window_id, m.channel, sum(m.held) AS held, sum(m.booked) AS booked FROM unnest(moves) m GROUP BY 1, 2
    ), changed_quotas AS (
        UPDATE window_quotas q SET held = q.held + d.held, booked = q.booked + d.booked
        FROM quota_delta d WHERE q.window_id = d.window_id AND q.channel = d.channel RETURNING 1
    ), stock_delta AS (
        SELECT m.stock_id, sum(m.held) AS held, sum(m.booked) AS booked FROM unnest(moves) m GROUP BY 1
    ), changed_stocks AS (
        UPDATE session_stocks s SET held = s.held + d.held, booked = s.booked + d.booked
        FROM stock_delta d WHERE s.stock_id = d.stock_id RETURNING 1
    )
    SELECT (SELECT count(*) FROM changed_windows) + (SELECT count(*) FROM changed_quotas)
         + (SELECT count(*) FROM changed_stocks) INTO moved;
    IF moved <> expected THEN
        RAISE EXCEPTION 'a claim names a window, channel or stock that does not exist' USING ERRCODE = '23503';
    END IF;
END $$;

CREATE FUNCTION claims_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM new_claims) THEN
        RETURN NULL;
    END IF;
    IF EXISTS (SELECT FROM new_claims WHERE state <> 'held') THEN
        RAISE EXCEPTION 'a claim begins as a hold' USING ERRCODE = 'HM003';
    END IF;
    PERFORM move_counters((SELECT array_agg((window_id, channel, stock_id, 1, 0)::counter_move) FROM new_claims));
    IF EXISTS (SELECT FROM new_claims n JOIN windows w USING (window_id) JOIN session_stocks s USING (stock_id)
               WHERE w.session_id <> s.session_id) THEN
        RAISE EXCEPTION 'window and stock belong to different clinic sessions' USING ERRCODE = '23503';
    END IF;
    IF EXISTS (SELECT FROM new_claims n WHERE NOT EXISTS (SELECT FROM persons p WHERE p.person_id = n.person_id)) THEN
        RAISE EXCEPTION 'a claim names a person who does not exist' USING ERRCODE = '23503';
    END IF;
    INSERT INTO live_claims (person_id, series, claim_id)
    SELECT n.person_id, v.series, n.claim_id
    FROM new_claims n JOIN session_stocks s USING (stock_id) JOIN products p USING (product_id)
         JOIN vaccine_series v USING (vaccine_code)
    ORDER BY n.person_id, v.series;
    PERFORM audit_write(array_agg(changed_by), array_agg(changed_from), array_agg('claim.held'::text),
                        array_agg('claim:' || claim_id), array_agg(change_reason),
                        array_agg(jsonb_build_object('person', person_id, 'window', window_id, 'channel', channel,
                                                     'stock', stock_id)))
    FROM new_claims;
    RETURN NULL;
END $$;
CREATE TRIGGER claims_made AFTER INSERT ON claims REFERENCING NEW TABLE AS new_claims
    FOR EACH STATEMENT EXECUTE FUNCTION claims_made();

CREATE FUNCTION claims_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM new_claims) THEN
        RETURN NULL;
    END IF;
    IF EXISTS (
        SELECT FROM old_claims o FULL JOIN new_claims n USING (claim_id)
        WHERE (o.person_id, o.hold_token, o.held_at) IS DISTINCT FROM (n.person_id, n.hold_token, n.held_at)
           OR (o.state <> n.state AND (o.state, n.state) NOT IN (
                   ('held', 'confirmed'), ('held', 'released'), ('held', 'expired'),
                   ('confirmed', 'cancelled'), ('confirmed', 'checked_in'), ('confirmed', 'no_show'),
                   ('checked_in', 'fulfilled')))
           OR ((o.window_id, o.channel, o.stock_id) IS DISTINCT FROM (n.window_id, n.channel, n.stock_id)
               AND NOT (o.state = n.state AND n.state IN ('held', 'confirmed')))
    ) THEN
        RAISE EXCEPTION 'this move of a claim is not allowed' USING ERRCODE = 'HM003';
    END IF;
    PERFORM move_counters((SELECT array_agg(m) FROM (
        SELECT (window_id, channel, stock_id, counts_as_held(state)::int, counts_as_booked(state)::int)::counter_move
        FROM new_claims
        UNION ALL
        SELECT (window_id, channel, stock_id, -counts_as_held(state)::int, -counts_as_booked(state)::int)::counter_move
        FROM old_claims) AS move (m)));
    IF EXISTS (SELECT FROM new_claims n JOIN windows w USING (window_id) JOIN session_stocks s USING (stock_id)
               WHERE w.session_id <> s.session_id) THEN
        RAISE EXCEPTION 'window and stock belong to different clinic sessions' USING ERRCODE = '23503';
    END IF;
    -- A claim that moves to another vaccine's stock would change its series: take the old ones off, put the new on.
    DELETE FROM live_claims l USING new_claims n JOIN old_claims o USING (claim_id)
    WHERE l.person_id = n.person_id AND l.claim_id = n.claim_id
      AND (NOT is_live(n.state) OR n.stock_id <> o.stock_id);
    INSERT INTO live_claims (person_id, series, claim_id)
    SELECT n.person_id, v.series, n.claim_id
    FROM new_claims n JOIN old_claims o USING (claim_id) JOIN session_stocks s ON s.stock_id = n.stock_id
         JOIN products p USING (product_id) JOIN vaccine_series v USING (vaccine_code)
    WHERE is_live(n.state) AND n.stock_id <> o.stock_id
    ORDER BY n.person_id, v.series;

    PERFORM audit_write(array_agg(n.changed_by), array_agg(n.changed_from),
                        array_agg('claim.' || CASE WHEN n.state <> o.state THEN n.state::text
                                                   WHEN n.window_id <> o.window_id THEN 'rescheduled'
                                                   ELSE 'edited' END),
                        array_agg('claim:' || n.claim_id), array_agg(n.change_reason),
                        array_agg(jsonb_build_object('from', o.state, 'to', n.state, 'window', n.window_id)
                            || CASE WHEN n.window_id <> o.window_id
                                    THEN jsonb_build_object('from_window', o.window_id) ELSE '{}' END))
    FROM new_claims n JOIN old_claims o USING (claim_id);
    INSERT INTO outbox_messages (topic, subject)
    SELECT CASE WHEN n.state <> o.state THEN 'reservation.' || n.state ELSE 'reservation.rescheduled' END,
           'claim:' || n.claim_id
    FROM new_claims n JOIN old_claims o USING (claim_id)
    WHERE (n.state <> o.state AND n.state IN ('confirmed', 'cancelled'))
       OR (n.state = 'confirmed' AND n.window_id <> o.window_id);
    RETURN NULL;
END $$;
CREATE TRIGGER claims_moved AFTER UPDATE ON claims REFERENCING OLD TABLE AS old_claims NEW TABLE AS new_claims
    FOR EACH STATEMENT EXECUTE FUNCTION claims_moved();
CREATE TRIGGER persons_kept BEFORE DELETE ON persons FOR EACH ROW EXECUTE FUNCTION refuse_change('merge or anonymise');
CREATE TRIGGER claims_kept BEFORE DELETE ON claims FOR EACH ROW EXECUTE FUNCTION refuse_change('end the claim');
