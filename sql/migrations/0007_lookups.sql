-- Lookups: the triggers of claims find people and live claims one by one.
--
-- Design
--   * A plan is made once a connection, perhaps while a table is new and small, and then kept. Joined as sets, `persons`
--     and `live_claims` were read from end to end by every batch until the next ANALYZE: each hold dearer than the last.
--   * So they are looked up by key for each claim of the batch, whatever the planner believes of their size. Nothing else
--     differs from 0006.

CREATE OR REPLACE FUNCTION claims_made() RETURNS trigger LANGUAGE plpgsql AS $$
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
    IF EXISTS (SELECT FROM new_claims n WHERE (SELECT p.person_id FROM persons p WHERE p.person_id = n.person_id) IS NULL) THEN
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

CREATE OR REPLACE FUNCTION claims_moved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ended  record;
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
    FOR ended IN SELECT n.person_id, n.claim_id FROM new_claims n JOIN old_claims o USING (claim_id)
                 WHERE NOT is_live(n.state) OR n.stock_id <> o.stock_id LOOP
        DELETE FROM live_claims WHERE person_id = ended.person_id AND claim_id = ended.claim_id;
    END LOOP;
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
