-- Joining a waiting room in batches, and by hotline or desk; the draw of a room as a published file.
--
-- Design
--   * room_join_many is room_join for many at once: one statement and one commit for whoever asked meanwhile. What is said
--     of each wish is what room_join would say; in a batch, too, earlier ones get the lower seq.
--   * Two batches that name the same people in another order may wait for each other in a circle: the server ends one, and
--     it is done again.
--   * Who joined by hotline or desk has nobody who polls for them, and counts as present (rooms/by_hand.sql).
--   * room_draws holds the result of a room's draw as it is published (docs/draw.md), written once, after the tick that drew.
--   * room_join stays until no process of before calls it.

-- Join rooms for people; an account null: staff do. For each wish its `code`: there (a place of theirs, old or new), or a
-- refusal; `is_new`: whether the place is new.
CREATE FUNCTION room_join_many(
    in_rooms bigint[], for_accounts uuid[], for_persons uuid[], new_tickets uuid[], through text[]
) RETURNS TABLE (n integer, code text, ticket uuid, is_new boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    codes   text[];
    open    integer[];   -- wishes that may have a place
    absent  integer[];   -- those of them that have none yet
BEGIN
    PERFORM room_lock(r.room_id, false) FROM (SELECT DISTINCT unnest(in_rooms) AS room_id ORDER BY 1) AS r;
    SELECT array_agg(w.code ORDER BY w.n), array_agg(w.n ORDER BY w.n) FILTER (WHERE w.code = 'there')
    INTO codes, open
    FROM (SELECT a.n, CASE
              WHEN r.room_id IS NULL THEN 'unknown_room'
              WHEN r.state = 'closed' THEN 'room_closed'
              WHEN a.account IS NULL AND EXISTS (SELECT FROM persons p WHERE p.person_id = a.person AND p.status = 'active')
                   THEN 'there'
              WHEN EXISTS (SELECT FROM guardianships g JOIN accounts c USING (account_id)
                           WHERE g.account_id = a.account AND g.person_id = a.person AND g.ended_at IS NULL
                             AND c.status = 'active') THEN 'there'
              ELSE 'unknown_person' END AS code
          FROM unnest(in_rooms, for_accounts, for_persons) WITH ORDINALITY AS a (room, account, person, n)
               LEFT JOIN rooms r ON r.room_id = a.room) AS w;
    -- An admission whose time is over is a place no more.
    WITH past AS MATERIALIZED (
        SELECT o.ticket FROM room_entries o
        WHERE (o.room_id, o.person_id) IN (SELECT in_rooms[w], for_persons[w] FROM unnest(open) AS w)
          AND o.state = 'admitted' AND o.admitted_until <= clock_timestamp()
        ORDER BY o.ticket FOR UPDATE
    )
    UPDATE room_entries e SET state = 'left', ended_at = clock_timestamp()
    FROM past WHERE e.ticket = past.ticket AND e.state = 'admitted';
    LOOP
        SELECT array_agg(w ORDER BY w) INTO absent
        FROM unnest(open) AS w JOIN rooms r ON r.room_id = in_rooms[w]
        WHERE r.state <> 'off' AND (r.enforced_from IS NOT NULL OR r.opens_at > clock_timestamp())
          AND NOT EXISTS (SELECT FROM room_entries e WHERE e.room_id = in_rooms[w] AND e.person_id = for_persons[w]
                                                       AND e.state IN ('waiting', 'admitted'));
        EXIT WHEN absent IS NULL;
        INSERT INTO room_entries (ticket, room_id, person_id, channel, early)
        SELECT new_tickets[w], r.room_id, for_persons[w], through[w], r.drawn_at IS NULL AND clock_timestamp() < r.opens_at
        FROM unnest(absent) AS w JOIN rooms r ON r.room_id = in_rooms[w]
        ORDER BY w
        ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN QUERY
    SELECT w.n::integer, CASE WHEN w.code = 'there' AND e.ticket IS NULL THEN 'room_off' ELSE w.code END, e.ticket,
           coalesce(e.ticket = new_tickets[w.n], false)
    FROM unnest(codes) WITH ORDINALITY AS w (code, n)
         LEFT JOIN room_entries e ON w.code = 'there' AND e.room_id = in_rooms[w.n] AND e.person_id = for_persons[w.n]
                                     AND e.state IN ('waiting', 'admitted')
    ORDER BY w.n;
END $$;
CREATE INDEX room_entries_by_hand ON room_entries (room_id, place) WHERE state = 'waiting' AND channel <> 'h5';
COMMENT ON COLUMN room_entries.channel IS 'where they joined: h5, desk, phone';

CREATE TABLE room_draws (
    room_id       bigint PRIMARY KEY REFERENCES rooms,
    result        bytea NOT NULL,
    published_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TRIGGER room_draws_append_only BEFORE UPDATE ON room_draws FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
