-- Publish the result of a draw, once.  $1 room_id bigint  $2 result bytea
INSERT INTO room_draws (room_id, result) VALUES ($1, $2) ON CONFLICT DO NOTHING
