-- Write a draft anew, on the newest edition; nothing happens unless it is being written, by its writer.
-- $1 draft_id bigint  $2 based_on text  $3 document text  $4 title text  $5 reason text  $6 actor text  $7 source text
UPDATE programme_drafts
SET based_on = $2, document = $3, title = $4, reason = $5, changed_by = $6, changed_from = $7
WHERE draft_id = $1 AND state = 'writing' AND written_by = $6
  AND $2 = (SELECT edition_id FROM programme_editions ORDER BY effective_from DESC LIMIT 1)
RETURNING draft_id
