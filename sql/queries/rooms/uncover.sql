-- A closed room covers nothing any more.  $1 room_id bigint
UPDATE room_sessions SET live = false WHERE room_id = $1
