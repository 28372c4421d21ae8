-- Take out what gates have reported.  $1 room_id bigint
DELETE FROM room_reports WHERE room_id = $1 RETURNING seen, asked, ledger_ms
