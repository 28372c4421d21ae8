-- Begin a draft on the newest edition; null where $1 is not the newest.
-- $1 based_on text  $2 document text  $3 title text  $4 reason text  $5 actor text  $6 source text
INSERT INTO programme_drafts (based_on, document, title, reason, written_by, changed_by, changed_from)
SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $5::text, $6::text
WHERE $1 = (SELECT edition_id FROM programme_editions ORDER BY effective_from DESC LIMIT 1)
RETURNING draft_id
