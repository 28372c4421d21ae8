-- Plan what people are to be reminded of and were not yet; returns how many messages that makes, by kind.
-- $1 person_ids uuid[]  $2 send_at timestamptz
-- Who has a hold or reservation for the series needs no reminder of it.
WITH wished AS (
    SELECT d.person_id, d.series, d.next_dose,
           CASE WHEN d.status = 'OVERDUE' THEN 'overdue' WHEN d.counted > 0 THEN 'second_dose' ELSE 'due' END AS kind
    FROM due_doses d
    WHERE d.person_id = ANY($1::uuid[]) AND d.reminded AND d.status IN ('DUE', 'OVERDUE')
      AND d.next_dose IS NOT NULL
      AND NOT EXISTS (SELECT FROM live_claims c WHERE c.person_id = d.person_id AND c.series = d.series)
), notices AS MATERIALIZED (
    SELECT w.person_id, w.kind, gen_random_uuid() AS notice_id FROM wished w
    WHERE reminded_account(w.person_id, w.kind) IS NOT NULL
    GROUP BY w.person_id, w.kind
), planned AS (
    INSERT INTO reminders (notice_id, kind, person_id, series, dose)
    SELECT n.notice_id, w.kind, w.person_id, w.series, w.next_dose
    FROM wished w JOIN notices n USING (person_id, kind)
    ON CONFLICT DO NOTHING RETURNING notice_id, kind
), owed AS (
    INSERT INTO outbox_messages (topic, subject, next_try_at, not_before)
    SELECT DISTINCT 'reminder.dose', 'reminder:' || notice_id, $2::timestamptz, $2::timestamptz FROM planned
)
SELECT kind, count(DISTINCT notice_id) AS messages FROM planned GROUP BY kind
