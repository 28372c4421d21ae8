-- Publish the draw.  $1 room_id bigint  $2 secret bytea  $3 tickets_digest bytea  $4 seed bytea
UPDATE rooms SET secret = $2, tickets_digest = $3, seed = $4, drawn_at = clock_timestamp() WHERE room_id = $1
