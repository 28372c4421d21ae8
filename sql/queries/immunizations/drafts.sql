-- Drafts, the last changed first.  $1 at most integer
SELECT draft_id, based_on, state, digest, title, reason, written_by, reviewed_by, review_note, edition_id, created_at,
       changed_at
FROM programme_drafts ORDER BY changed_at DESC, draft_id DESC LIMIT $1
