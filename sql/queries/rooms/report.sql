-- What a gate saw of rooms since its report before; of rooms that are closed by now nothing.
-- $1 gate_id uuid  parallel arrays: $2 room_ids bigint[]  $3 seen bytea[]  $4 asked integer[];  $5 ledger_ms integer
INSERT INTO room_reports (room_id, gate_id, seen, asked, ledger_ms)
SELECT r.room_id, $1, seen, asked, $5
FROM unnest($2::bigint[], $3::bytea[], $4::integer[]) AS n (room_id, seen, asked)
     JOIN rooms r ON r.room_id = n.room_id AND r.state <> 'closed'
