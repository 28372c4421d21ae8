-- Withdraw a draft.  $1 draft_id bigint  $2 actor text  $3 source text
UPDATE programme_drafts SET state = 'withdrawn', changed_by = $2, changed_from = $3
WHERE draft_id = $1 AND state IN ('writing', 'submitted') AND written_by = $2
RETURNING draft_id
