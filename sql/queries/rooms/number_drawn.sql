-- Give those who were drawn their places, from 1 on.  $1 room_id bigint  $2 tickets uuid[] in the order of the draw
UPDATE room_entries e SET place = d.place
FROM unnest($2::uuid[]) WITH ORDINALITY AS d (ticket, place)
WHERE e.ticket = d.ticket AND e.room_id = $1 AND e.place IS NULL
