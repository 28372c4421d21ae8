-- Places of those who wait and joined by hotline or desk: nobody polls for them.  $1 room_id bigint
SELECT place FROM room_entries WHERE room_id = $1 AND state = 'waiting' AND channel <> 'h5' AND place IS NOT NULL
