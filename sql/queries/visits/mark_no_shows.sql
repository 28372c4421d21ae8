-- Reservations of days that have ended in the city without a check-in. A claim that somebody is changing is left for the next
-- round, and one that was cancelled or moved meanwhile no longer fits.  $1 at_most integer
WITH missed AS (
    SELECT c.claim_id
    FROM claims c JOIN windows w USING (window_id) JOIN clinic_sessions s USING (session_id)
    WHERE c.state = 'confirmed' AND s.session_date < (statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date
    ORDER BY c.claim_id LIMIT $1 FOR NO KEY UPDATE OF c SKIP LOCKED
)
UPDATE claims c SET state = 'no_show', ended_at = statement_timestamp(), changed_by = 'worker', changed_from = 'worker',
                    change_reason = 'the day ended'
FROM missed WHERE c.claim_id = missed.claim_id AND c.state = 'confirmed'
RETURNING c.claim_id, c.window_id, c.channel, c.stock_id
