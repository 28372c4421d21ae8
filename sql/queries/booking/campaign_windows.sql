-- The windows that a reservation won in a campaign may move to: those of its own clinic session that the campaign has places in.
-- The dose stays what it is, so nobody who waits is passed over.  $1 account_id uuid  $2 claim_id uuid
SELECT w.window_id, w.starts_at, w.ends_at, c.stock_id, w.window_id = c.window_id AS kept
FROM claims c JOIN guardianships g ON g.person_id = c.person_id AND g.account_id = $1 AND g.ended_at IS NULL
     JOIN windows own ON own.window_id = c.window_id
     JOIN windows w ON w.session_id = own.session_id
     JOIN window_quotas q ON q.window_id = w.window_id AND q.channel = 'campaign'
     JOIN clinic_sessions s ON s.session_id = w.session_id
WHERE c.claim_id = $2 AND c.state = 'confirmed' AND c.channel = 'campaign'
  AND own.starts_at > statement_timestamp()
  AND (w.window_id = own.window_id
       OR (s.state = 'published' AND w.bookable_until > statement_timestamp() AND q.bookable_from <= statement_timestamp()
           AND w.free > 0 AND q.free > 0))
ORDER BY w.starts_at
