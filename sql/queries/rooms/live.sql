-- Rooms that are not closed.
SELECT room_id FROM rooms WHERE state <> 'closed' ORDER BY room_id
