-- How many places there are of each kind, and where the line is.  $1 room_id bigint
SELECT count(*) FILTER (WHERE e.state = 'waiting')::integer AS waiting,
       count(*) FILTER (WHERE e.state = 'waiting' AND has_place(r.present, e.place))::integer AS present,
       count(*) FILTER (WHERE e.state = 'waiting' AND e.place IS NULL)::integer AS unnumbered,
       count(*) FILTER (WHERE e.state = 'admitted' AND e.admitted_until > clock_timestamp())::integer AS inside,
       count(*) FILTER (WHERE e.state = 'admitted' AND e.admitted_until <= clock_timestamp())::integer AS lapsed,
       count(*) FILTER (WHERE e.state = 'used')::integer AS used,
       count(*) FILTER (WHERE e.state = 'left')::integer AS left_it,
       count(*) FILTER (WHERE e.channel <> 'h5')::integer AS by_hand,
       min(e.place) FILTER (WHERE e.state = 'waiting' AND has_place(r.present, e.place)) AS front,
       max(e.place) FILTER (WHERE e.admitted_at IS NOT NULL) AS last_let_in
FROM rooms r LEFT JOIN room_entries e ON e.room_id = r.room_id
WHERE r.room_id = $1
GROUP BY r.room_id
