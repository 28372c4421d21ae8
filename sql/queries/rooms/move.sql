-- The person of a reservation, where it would move into another room that is on.
-- $1 account_id uuid  $2 claim_id uuid  $3 window_id bigint
SELECT c.person_id
FROM claims c JOIN windows old ON old.window_id = c.window_id JOIN windows w ON w.window_id = $3
     JOIN rooms r ON r.room_id = room_of(w.session_id, c.channel)
WHERE c.claim_id = $2 AND r.enforced_from IS NOT NULL
  AND r.room_id IS DISTINCT FROM room_of(old.session_id, c.channel)
  AND EXISTS (SELECT FROM guardianships g
              WHERE g.account_id = $1 AND g.person_id = c.person_id AND g.ended_at IS NULL)
