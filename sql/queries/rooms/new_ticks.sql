-- What happened after a tick that is known, in order.  $1 room_id bigint  $2 known_tick bigint
SELECT tick, admitted, (extract(epoch FROM admitted_until) * 1000)::bigint AS until_ms, gone
FROM room_ticks WHERE room_id = $1 AND tick > $2 ORDER BY tick
