-- The tickets that took part in a room's draw.  $1 room_id bigint
SELECT ticket::text FROM room_entries WHERE room_id = $1 AND early AND place IS NOT NULL ORDER BY place
