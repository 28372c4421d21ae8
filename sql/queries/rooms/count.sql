-- How many wait and have a place, and how many of them are present.  $1 room_id bigint  $2 present bytea
SELECT count(*)::integer AS waiting, (count(*) FILTER (WHERE has_place($2, place)))::integer AS there
FROM room_entries WHERE room_id = $1 AND state = 'waiting' AND place IS NOT NULL
