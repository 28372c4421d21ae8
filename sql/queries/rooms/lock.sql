-- The keeper alone works on a room until its transaction ends; nobody joins meanwhile.  $1 room_id bigint
SELECT room_lock($1, true)
