-- Places in a draw.  $1 campaign_id bigint  $2 tickets text[]  $3 positions integer[]  (parallel)
UPDATE waitlist_entries e SET drawn_position = d.position
FROM unnest($2::text[], $3::integer[]) AS d (ticket, position)
WHERE e.ticket = d.ticket AND e.campaign_id = $1 AND e.drawn_position IS NULL
