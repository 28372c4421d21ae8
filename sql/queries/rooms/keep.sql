-- What the keeper decides by.  $1 room_id bigint
SELECT state, paused, opens_at, rate_milli, on_above, admit_ttl_s, secret_sealed, drawn_at, enforced_from, tick, ticked_at,
       credit, pace_milli, places, waiting, present, seen_now, seen_before, turned_at, reported_at, load, ledger_ms, busy_at,
       commitment, clock_timestamp() AS now
FROM rooms WHERE room_id = $1 AND state <> 'closed'
