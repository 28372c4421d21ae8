-- $1 message_id bigint
UPDATE outbox_messages SET sent_at = statement_timestamp(), last_error = NULL
WHERE message_id = $1 AND sent_at IS NULL AND failed_at IS NULL
