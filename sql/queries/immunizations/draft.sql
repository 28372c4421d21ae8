-- One draft with its text, and the text that it is based on.  $1 draft_id bigint
SELECT d.draft_id, d.based_on, d.state, d.digest, d.title, d.reason, d.written_by, d.reviewed_by, d.review_note, d.edition_id,
       d.created_at, d.changed_at, d.document, e.document AS base_document,
       (SELECT n.edition_id FROM programme_editions n ORDER BY n.effective_from DESC LIMIT 1) AS newest
FROM programme_drafts d JOIN programme_editions e ON e.edition_id = d.based_on
WHERE d.draft_id = $1
