-- Lock what a batch of holds decides on: the people, then the counters, each in one order for everybody.
-- $1 person_ids uuid[]  $2 window_ids bigint[]  $3 channels text[]  $4 stock_ids bigint[]   (parallel arrays)
-- A person's lock makes "one live claim per series" exact across processes; it ends with the transaction.
WITH people AS MATERIALIZED (
    SELECT count(pg_advisory_xact_lock(hashtextextended(person_id::text, 0))) AS locked
    FROM (SELECT DISTINCT person_id FROM unnest($1::uuid[]) AS p (person_id) ORDER BY person_id) AS ordered
), locked_windows AS MATERIALIZED (
    SELECT window_id FROM windows
    WHERE window_id = ANY ($2::bigint[]) AND (SELECT locked FROM people) >= 0
    ORDER BY window_id FOR NO KEY UPDATE
), locked_quotas AS MATERIALIZED (
    SELECT window_id FROM window_quotas
    WHERE (window_id, channel) IN (SELECT * FROM unnest($2::bigint[], $3::text[]))
      AND (SELECT count(*) FROM locked_windows) >= 0
    ORDER BY window_id, channel FOR NO KEY UPDATE
), locked_stocks AS MATERIALIZED (
    SELECT stock_id FROM session_stocks
    WHERE stock_id = ANY ($4::bigint[]) AND (SELECT count(*) FROM locked_quotas) >= 0
    ORDER BY stock_id FOR NO KEY UPDATE
)
SELECT count(*) FROM locked_stocks
