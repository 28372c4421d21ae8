-- Ask for a count of a draft, where none is open.  $1 draft_id bigint  $2 asked_by text
INSERT INTO programme_counts (draft_id, digest, newest, asked_by)
SELECT d.draft_id, d.digest, (SELECT n.edition_id FROM programme_editions n ORDER BY n.effective_from DESC LIMIT 1), $2
FROM programme_drafts d WHERE d.draft_id = $1
ON CONFLICT (draft_id) WHERE state IN ('waiting', 'running') DO NOTHING RETURNING count_id
