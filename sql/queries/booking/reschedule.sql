-- Move one reservation to another window: the new place is taken and the old one given back in one step, or nothing happens.
-- $1 claim_id uuid  $2 window_id bigint  $3 channel text  $4 stock_id bigint  $5 actor text  $6 account_id uuid (null: staff)
-- $7 key text  $8 body_hash bytea  $9 source text
-- One row: code, retry_at, answer, and the old counters. Codes: rescheduled, answered, or a refusal.
-- The stock must be of the same vaccine: another vaccine is another reservation.
WITH judged AS MATERIALIZED (
    SELECT c.claim_id, c.person_id, c.window_id AS old_window_id, c.channel AS old_channel, c.stock_id AS old_stock_id,
           k.answer AS first_answer, q.bookable_from,
           CASE
               WHEN k.key IS NOT NULL AND k.operation = 'reschedule' AND k.body_hash = $8 THEN 'answered'
               WHEN k.key IS NOT NULL THEN 'key_reused'
               WHEN c.claim_id IS NULL OR ($6::uuid IS NOT NULL AND NOT EXISTS (
                        SELECT FROM guardianships g WHERE g.account_id = $6 AND g.person_id = c.person_id
                                                      AND g.ended_at IS NULL)) THEN 'unknown_reservation'
               WHEN c.state <> 'confirmed' THEN 'not_reschedulable'
               WHEN old.starts_at <= statement_timestamp() THEN 'window_begun'
               WHEN w.window_id IS NULL THEN 'unknown_window'
               WHEN w.window_id = c.window_id AND s.stock_id = c.stock_id THEN 'same_window'
               WHEN cs.state <> 'published' THEN 'session_closed'
               WHEN q.window_id IS NULL THEN 'wrong_channel'
               WHEN s.stock_id IS NULL OR s.session_id <> w.session_id
                    OR p.vaccine_code <> op.vaccine_code THEN 'no_such_stock'
               WHEN w.bookable_until <= statement_timestamp() THEN 'booking_ended'
               WHEN q.bookable_from > statement_timestamp() THEN 'not_yet_bookable'
               WHEN w.window_id <> c.window_id AND w.free <= 0 THEN 'window_full'
               WHEN (w.window_id, q.channel) <> (c.window_id, c.channel) AND q.free <= 0 THEN 'channel_full'
               WHEN s.stock_id <> c.stock_id AND s.free <= 0 THEN 'out_of_stock'
               WHEN s.stock_id <> c.stock_id AND s.no_new_vial_from <= statement_timestamp()
                    AND (s.held + s.booked) % s.vial_size = 0 THEN 'vial_not_opened'
           END AS verdict
    FROM (SELECT 1) AS one
         LEFT JOIN claims c ON c.claim_id = $1
         LEFT JOIN windows old ON old.window_id = c.window_id
         LEFT JOIN session_stocks os ON os.stock_id = c.stock_id LEFT JOIN products op ON op.product_id = os.product_id
         LEFT JOIN idempotency_keys k ON k.actor = $5 AND k.key = $7
         LEFT JOIN windows w ON w.window_id = $2
         LEFT JOIN clinic_sessions cs ON cs.session_id = w.session_id
         LEFT JOIN window_quotas q ON q.window_id = $2 AND q.channel = $3
         LEFT JOIN session_stocks s ON s.stock_id = $4 LEFT JOIN products p ON p.product_id = s.product_id
), changed AS (
    UPDATE claims c SET window_id = $2, channel = $3, stock_id = $4, changed_by = $5, changed_from = $9,
                        change_reason = 'rescheduled'
    FROM judged j WHERE c.claim_id = j.claim_id AND j.verdict IS NULL
    RETURNING c.claim_id, c.person_id
), answers AS MATERIALIZED (
    SELECT json_build_object('reservation_id', claim_id, 'state', 'confirmed', 'person_id', person_id,
                              'window_id', $2::bigint, 'stock_id', $4::bigint) AS answer
    FROM changed
), remembered AS (
    INSERT INTO idempotency_keys (actor, key, operation, body_hash, answer)
    SELECT $5, $7, 'reschedule', $8, answer FROM answers
)
SELECT coalesce(verdict, 'rescheduled') AS code,
       CASE WHEN verdict = 'not_yet_bookable' THEN bookable_from END AS retry_at,
       coalesce((SELECT answer FROM answers), CASE WHEN verdict = 'answered' THEN first_answer END)::text AS answer,
       old_window_id, old_channel, old_stock_id
FROM judged
