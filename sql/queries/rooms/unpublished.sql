-- Rooms whose draw has been held and is not published as a file yet.
SELECT room_id, opens_at, commitment, secret FROM rooms r
WHERE r.drawn_at IS NOT NULL AND NOT EXISTS (SELECT FROM room_draws d WHERE d.room_id = r.room_id)
ORDER BY room_id
