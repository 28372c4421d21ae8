-- The room of a window's session while it is on, and what a ticket is worth there; no row: nobody has to wait.
-- $1 window_id bigint  $2 channel text  $3 ticket uuid (null: none)  $4 person_id uuid
SELECT r.room_id, r.opens_at, r.drawn_at IS NULL AND clock_timestamp() < r.opens_at AS is_early, e.state,
       e.admitted_until > clock_timestamp() AS still_admitted
FROM windows w JOIN rooms r ON r.room_id = room_of(w.session_id, $2)
     LEFT JOIN room_entries e ON e.room_id = r.room_id AND e.ticket = $3 AND e.person_id = $4
WHERE w.window_id = $1 AND r.enforced_from IS NOT NULL
