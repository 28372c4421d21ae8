-- Where somebody stands: their entry, the room, and how many that wait and are present have a lower place.
-- $1 room_id bigint  $2 ticket uuid  $3 person_id uuid
SELECT r.state AS room_state, r.paused, r.opens_at, r.drawn_at, r.pace_milli, r.tick,
       r.enforced_from IS NOT NULL OR r.drawn_at IS NULL AS is_on,
       r.drawn_at IS NULL AND clock_timestamp() < r.opens_at AS is_early, e.state, e.place, e.admitted_until, e.admitted_until > clock_timestamp() AS still_admitted,
       (SELECT count(*) FROM room_entries a
        WHERE a.room_id = e.room_id AND a.state = 'waiting' AND a.place < e.place AND has_place(r.present, a.place))
           AS ahead
FROM rooms r LEFT JOIN room_entries e ON e.room_id = r.room_id AND e.ticket = $2 AND e.person_id = $3
WHERE r.room_id = $1
