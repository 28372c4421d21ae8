-- Those who used their admission or left since the last tick.  $1 room_id bigint
UPDATE room_entries SET told = true WHERE room_id = $1 AND state IN ('used', 'left') AND NOT told RETURNING place
