-- The newest count of a draft; `of_this_text` where it counted what the draft says now.  $1 draft_id bigint
SELECT c.count_id, c.state, c.why, c.total, c.people, c.unread, c.changed, c.counts, c.created_at, c.changed_at,
       c.digest = d.digest AS of_this_text
FROM programme_counts c JOIN programme_drafts d USING (draft_id)
WHERE c.draft_id = $1 ORDER BY c.count_id DESC LIMIT 1
