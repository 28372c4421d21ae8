-- The count to go on with: the one that was asked for first. No parameters.
SELECT c.count_id, c.digest, c.newest, c.state, c.total, c.people, c.unread, c.changed, c.counts, c.last_person,
       d.document, d.digest = c.digest AS same_text, d.state IN ('writing', 'submitted') AS draft_open,
       (SELECT n.edition_id FROM programme_editions n ORDER BY n.effective_from DESC LIMIT 1) AS newest_now
FROM programme_counts c JOIN programme_drafts d USING (draft_id)
WHERE c.state IN ('waiting', 'running') ORDER BY c.count_id LIMIT 1
