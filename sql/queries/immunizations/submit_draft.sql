-- Submit a draft for review, as the writer read it.  $1 draft_id bigint  $2 digest text  $3 actor text  $4 source text
UPDATE programme_drafts SET state = 'submitted', review_note = NULL, reviewed_by = NULL, changed_by = $3, changed_from = $4
WHERE draft_id = $1 AND state = 'writing' AND written_by = $3 AND digest = $2
RETURNING draft_id
