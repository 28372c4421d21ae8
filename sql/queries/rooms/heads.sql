-- What gates know of every room of a channel that is not closed.  $1 channel text
SELECT r.room_id, r.scope = 'service' AS everywhere, r.enforced_from IS NOT NULL AS is_on, r.state <> 'off' AS is_open,
       (extract(epoch FROM r.opens_at) * 1000)::bigint AS opens_ms, r.drawn_at IS NOT NULL AS is_drawn,
       CASE WHEN r.paused THEN 0 ELSE r.pace_milli END AS pace_milli, r.tick, r.places, r.present,
       ARRAY(SELECT s.session_id FROM room_sessions s WHERE s.room_id = r.room_id AND s.live) AS session_ids
FROM rooms r WHERE r.state <> 'closed' AND r.channel = $1
