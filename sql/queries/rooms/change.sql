-- Change how a room is run; null: as it is. Switched on, it asks for admission a moment later, when every gate knows.
-- $1 room_id bigint  $2 state text  $3 paused boolean  $4 rate_milli integer  $5 on_above integer  $6 admit_ttl_s integer
UPDATE rooms
SET state = coalesce($2, state), paused = coalesce($3, paused), rate_milli = coalesce($4, rate_milli),
    on_above = coalesce($5, on_above), admit_ttl_s = coalesce($6, admit_ttl_s),
    pace_milli = least(coalesce($4, pace_milli), coalesce($4, rate_milli)), busy_at = clock_timestamp(),
    closed_at = CASE WHEN $2 = 'closed' THEN clock_timestamp() END,
    enforced_from = CASE WHEN coalesce($2, state) IN ('off', 'closed') THEN NULL
                         WHEN $2 = 'on' THEN coalesce(enforced_from, clock_timestamp() + interval '3 seconds')
                         ELSE enforced_from END
WHERE room_id = $1 AND state <> 'closed'
RETURNING room_id
