-- End holds whose deadline and grace have passed, by the database's clock. At most $2 at once; a hold being confirmed is skipped.
-- $1 grace_ms integer  $2 at_most integer
WITH due AS (
    SELECT claim_id FROM claims
    WHERE state = 'held' AND held_until < now() - make_interval(secs => $1::integer / 1000.0)
    ORDER BY claim_id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE claims c SET state = 'expired', ended_at = now(), changed_by = 'worker', changed_from = 'worker',
                    change_reason = 'deadline passed'
FROM due WHERE c.claim_id = due.claim_id
RETURNING c.claim_id, c.window_id, c.channel, c.stock_id
