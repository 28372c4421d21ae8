-- Messages that are owed: how many, and the age of the oldest in seconds (0 where there is none).
SELECT count(*) AS waiting,
       coalesce(extract(epoch FROM statement_timestamp() - min(created_at)), 0)::float8 AS lag_s
FROM outbox_messages WHERE sent_at IS NULL AND failed_at IS NULL;
