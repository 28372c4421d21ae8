-- Plan the reminders of reservations in these windows that were not planned yet.
-- $1 window_ids bigint[]  $2 send_at timestamptz
WITH coming AS MATERIALIZED (
    SELECT c.claim_id, c.person_id, gen_random_uuid() AS notice_id
    FROM claims c JOIN windows w USING (window_id)
    WHERE c.window_id = ANY($1::bigint[]) AND c.state = 'confirmed' AND w.starts_at > $2
      AND NOT EXISTS (SELECT FROM reminders r WHERE r.claim_id = c.claim_id AND r.kind = 'appointment')
      AND reminded_account(c.person_id, 'appointment') IS NOT NULL
), planned AS (
    INSERT INTO reminders (notice_id, kind, person_id, claim_id)
    SELECT notice_id, 'appointment', person_id, claim_id FROM coming
    ON CONFLICT DO NOTHING RETURNING notice_id
)
INSERT INTO outbox_messages (topic, subject, next_try_at, not_before)
SELECT 'reminder.appointment', 'reminder:' || notice_id, $2, $2 FROM planned
RETURNING message_id
