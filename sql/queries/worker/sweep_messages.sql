-- Forget messages sent more than thirty days ago.
DELETE FROM outbox_messages WHERE sent_at < now() - interval '30 days'
