-- Forget answers older than three days: no client retries that long.
DELETE FROM idempotency_keys WHERE created_at < now() - interval '3 days'
