-- $1 message_id bigint  $2 last_error text  $3 wait_s integer
UPDATE outbox_messages SET next_try_at = statement_timestamp() + make_interval(secs => $3::integer), last_error = $2
WHERE message_id = $1 AND sent_at IS NULL AND failed_at IS NULL
