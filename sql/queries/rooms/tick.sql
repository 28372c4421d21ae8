-- The record of a tick that moved somebody.
-- $1 room_id bigint  $2 tick bigint  $3 admitted integer[]  $4 admitted_until timestamptz  $5 gone integer[]  $6 present bytea
INSERT INTO room_ticks (room_id, tick, at, admitted, admitted_until, gone, present)
VALUES ($1, $2, clock_timestamp(), $3, $4, $5, $6)
