-- A submitted draft has become an edition.
-- $1 draft_id bigint  $2 edition_id text  $3 note text  $4 actor text  $5 source text
UPDATE programme_drafts
SET state = 'published', edition_id = $2, reviewed_by = $4, review_note = $3, changed_by = $4, changed_from = $5
WHERE draft_id = $1 AND state = 'submitted'
RETURNING draft_id
