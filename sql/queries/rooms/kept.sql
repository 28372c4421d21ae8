-- A room after a tick.
-- $1 room_id bigint  $2 tick bigint  $3 credit bigint  $4 pace_milli integer  $5 places integer  $6 waiting integer
-- $7 present bytea  $8 seen_now bytea  $9 seen_before bytea  $10 turned_at timestamptz  $11 reported_at timestamptz
-- $12 load real  $13 ledger_ms integer  $14 busy_at timestamptz  $15 is_on boolean  $16 ticked_at timestamptz
UPDATE rooms
SET tick = $2, credit = $3, pace_milli = $4, places = $5, waiting = $6, present = $7, seen_now = $8, seen_before = $9,
    turned_at = $10, reported_at = $11, load = $12, ledger_ms = $13, busy_at = $14, ticked_at = $16,
    enforced_from = CASE WHEN $15 THEN coalesce(enforced_from, clock_timestamp() + interval '3 seconds') END
WHERE room_id = $1
