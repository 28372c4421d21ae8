-- Give those who came later their places, in order of arrival.  $1 room_id bigint  $2 places given so far integer
UPDATE room_entries e SET place = $2::integer + n.turn
FROM (SELECT ticket, row_number() OVER (ORDER BY seq) AS turn FROM room_entries
      WHERE room_id = $1 AND place IS NULL AND state = 'waiting') AS n
WHERE e.ticket = n.ticket
RETURNING e.place
