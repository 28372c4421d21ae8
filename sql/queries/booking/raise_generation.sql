-- Lock some clinic sessions, in one order for everybody, and give them a generation newer than any load before. What a
-- statement after this one reads is then no older than what any load of a lower generation read.
-- $1 session_ids bigint[]
WITH locked AS MATERIALIZED (
    SELECT session_id FROM clinic_sessions WHERE session_id = ANY ($1::bigint[]) ORDER BY session_id FOR NO KEY UPDATE
)
UPDATE clinic_sessions s SET cache_generation = cache_generation + 1 FROM locked l WHERE s.session_id = l.session_id
