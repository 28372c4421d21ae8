-- A room as it is.  $1 room_id bigint
SELECT r.room_id, r.scope, r.title, r.state, r.paused, r.opens_at, r.rate_milli, r.pace_milli, r.on_above, r.admit_ttl_s,
       r.enforced_from IS NOT NULL AS is_on, r.waiting, r.places, r.load, r.ledger_ms, r.commitment, r.secret,
       r.tickets_digest, r.seed, r.drawn_at, clock_timestamp() AS now,
       ARRAY(SELECT s.session_id FROM room_sessions s WHERE s.room_id = r.room_id ORDER BY 1) AS session_ids
FROM rooms r
WHERE r.room_id = $1
