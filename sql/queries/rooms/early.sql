-- Who was there before a room opened and waits still, by ticket.  $1 room_id bigint
SELECT ticket::text FROM room_entries WHERE room_id = $1 AND early AND place IS NULL AND state = 'waiting' ORDER BY ticket::text
