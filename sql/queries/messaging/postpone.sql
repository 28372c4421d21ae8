-- Send later what must not be sent now; that is no failed try.  $1 message_id bigint  $2 not_before timestamptz
UPDATE outbox_messages SET next_try_at = $2, not_before = $2, tries = tries - 1
WHERE message_id = $1 AND sent_at IS NULL AND failed_at IS NULL
