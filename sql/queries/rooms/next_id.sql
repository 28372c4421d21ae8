-- The number of a room that is about to be opened.
SELECT nextval(pg_get_serial_sequence('rooms', 'room_id'))
