-- Lease messages that are due: the try is counted, and nobody else takes them until the lease ends.
-- $1 at_most integer  $2 lease_s integer
-- A sender that dies leaves its messages to the next one when the lease ends. Messages that can wait come after all others.
WITH urgent AS (
    SELECT message_id FROM outbox_messages
    WHERE sent_at IS NULL AND failed_at IS NULL AND not_before IS NULL AND next_try_at <= statement_timestamp()
    ORDER BY next_try_at LIMIT $1::integer FOR UPDATE SKIP LOCKED
), patient AS (
    SELECT message_id FROM outbox_messages
    WHERE sent_at IS NULL AND failed_at IS NULL AND not_before IS NOT NULL AND next_try_at <= statement_timestamp()
    ORDER BY next_try_at LIMIT $1::integer - (SELECT count(*) FROM urgent) FOR UPDATE SKIP LOCKED
)
UPDATE outbox_messages m
SET tries = m.tries + 1, next_try_at = statement_timestamp() + make_interval(secs => $2::integer)
WHERE m.message_id = ANY (ARRAY(SELECT message_id FROM urgent UNION ALL SELECT message_id FROM patient))
RETURNING m.message_id, m.topic, m.subject, m.payload, m.payload_sealed, m.tries
