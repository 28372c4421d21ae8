-- Messages that are owed: how many, and the age in seconds of the oldest that cannot wait (0 where there is none).
-- What is to be sent later is not owed yet; a failed try waits ten minutes at most.
SELECT count(*) AS waiting, coalesce(extract(epoch FROM statement_timestamp() - min(urgent_since)), 0)::float8 AS lag_s
FROM (
    SELECT created_at AS urgent_since FROM outbox_messages
    WHERE sent_at IS NULL AND failed_at IS NULL AND not_before IS NULL
    UNION ALL
    SELECT NULL FROM outbox_messages
    WHERE sent_at IS NULL AND failed_at IS NULL AND not_before IS NOT NULL AND not_before <= statement_timestamp()
      AND next_try_at <= statement_timestamp() + interval '10 minutes'
) owed
