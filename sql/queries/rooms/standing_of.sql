-- Whether a person may book in a window through a channel whose waiting room is on; no row: nobody has to wait.
-- $1 window_id bigint  $2 channel text  $3 person_id uuid
SELECT r.room_id, r.opens_at, r.drawn_at IS NULL AND clock_timestamp() < r.opens_at AS is_early, e.state,
       e.admitted_until > clock_timestamp() AS still_admitted
FROM windows w JOIN rooms r ON r.room_id = room_of(w.session_id, $2)
     LEFT JOIN room_entries e ON e.room_id = r.room_id AND e.person_id = $3 AND e.state IN ('waiting', 'admitted')
WHERE w.window_id = $1 AND r.enforced_from IS NOT NULL
