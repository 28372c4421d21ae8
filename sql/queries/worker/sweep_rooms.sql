-- Reports that no keeper took out, and what gates followed of rooms closed long ago.
WITH old AS (SELECT room_id FROM rooms WHERE closed_at < now() - interval '30 days'), unread AS (
    DELETE FROM room_reports WHERE at < now() - interval '10 minutes'
)
DELETE FROM room_ticks WHERE room_id IN (SELECT room_id FROM old)
