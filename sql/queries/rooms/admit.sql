-- Let in the lowest places of those who wait and are present. Who is next is found once, whatever the plan: a join that looked
-- again for every row would skip those it has just let in and find the next ones.
-- $1 room_id bigint  $2 present bytea  $3 at_most integer  $4 admit_ttl_s integer
WITH next AS MATERIALIZED (
    SELECT ticket FROM room_entries
    WHERE room_id = $1 AND state = 'waiting' AND place IS NOT NULL AND has_place($2, place)
    ORDER BY place LIMIT $3 FOR UPDATE
)
UPDATE room_entries e
SET state = 'admitted', admitted_at = clock_timestamp(), admitted_until = clock_timestamp() + make_interval(secs => $4)
FROM next
WHERE e.ticket = next.ticket AND e.state = 'waiting'
RETURNING e.place, e.admitted_until
