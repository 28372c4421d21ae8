-- A submitted draft as it was read by somebody who did not write it; null where it is not.
-- $1 draft_id bigint  $2 digest text  $3 actor text
SELECT document, based_on = (SELECT edition_id FROM programme_editions ORDER BY effective_from DESC LIMIT 1) AS on_newest
FROM programme_drafts
WHERE draft_id = $1 AND state = 'submitted' AND digest = $2 AND written_by <> $3
FOR UPDATE
