-- The published result of a room's draw.  $1 room_id bigint
SELECT result FROM room_draws WHERE room_id = $1
