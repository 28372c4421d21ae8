-- Give a message up.  $1 message_id bigint  $2 last_error text
UPDATE outbox_messages SET failed_at = statement_timestamp(), last_error = $2
WHERE message_id = $1 AND sent_at IS NULL AND failed_at IS NULL
