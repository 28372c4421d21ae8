-- Give a place up, for one of the account's people; a place that has ended stays as it is.
-- $1 ticket uuid  $2 account_id uuid  $3 person_id uuid
UPDATE room_entries e SET state = 'left', ended_at = clock_timestamp()
WHERE e.ticket = $1 AND e.person_id = $3 AND e.state IN ('waiting', 'admitted')
  AND EXISTS (SELECT FROM guardianships g WHERE g.account_id = $2 AND g.person_id = $3 AND g.ended_at IS NULL)
RETURNING e.ticket
