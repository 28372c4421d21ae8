-- Lock a reservation, then the counters of where it is and where it wants to be, in the order everybody uses.
-- $1 claim_id uuid  $2 window_id bigint  $3 channel text  $4 stock_id bigint (null: the same vaccine's stock there)
WITH claim AS MATERIALIZED (
    SELECT window_id, channel, stock_id FROM claims WHERE claim_id = $1 FOR NO KEY UPDATE
), locked_windows AS MATERIALIZED (
    SELECT window_id FROM windows WHERE window_id IN (SELECT window_id FROM claim UNION SELECT $2::bigint)
    ORDER BY window_id FOR NO KEY UPDATE
), locked_quotas AS MATERIALIZED (
    SELECT window_id FROM window_quotas
    WHERE (window_id, channel) IN (SELECT window_id, channel FROM claim UNION SELECT $2::bigint, $3::text)
      AND (SELECT count(*) FROM locked_windows) >= 0
    ORDER BY window_id, channel FOR NO KEY UPDATE
), locked_stocks AS MATERIALIZED (
    SELECT stock_id FROM session_stocks
    WHERE stock_id IN (SELECT stock_id FROM claim UNION SELECT $4::bigint)
      AND (SELECT count(*) FROM locked_quotas) >= 0
    ORDER BY stock_id FOR NO KEY UPDATE
)
SELECT count(*) FROM locked_stocks
