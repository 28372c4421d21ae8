-- Send a submitted draft back to its writer.
-- $1 draft_id bigint  $2 digest text  $3 note text  $4 actor text  $5 source text
UPDATE programme_drafts
SET state = 'writing', reviewed_by = $4, review_note = $3, changed_by = $4, changed_from = $5
WHERE draft_id = $1 AND state = 'submitted' AND digest = $2 AND written_by <> $4
RETURNING draft_id
