-- Open a room. One that is on from the beginning asks for admission a moment later, when every gate knows.
-- $1 room_id bigint  $2 scope text  $3 title text  $4 state text  $5 opens_at timestamptz  $6 rate_milli integer
-- $7 on_above integer  $8 admit_ttl_s integer  $9 commitment bytea  $10 secret_sealed bytea  $11 opened_by text
INSERT INTO rooms (room_id, scope, title, state, opens_at, rate_milli, on_above, admit_ttl_s, commitment, secret_sealed,
                   opened_by, pace_milli, enforced_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $6,
        CASE WHEN $4 = 'on' THEN clock_timestamp() + interval '3 seconds' END)
