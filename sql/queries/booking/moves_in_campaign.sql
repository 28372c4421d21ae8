-- Whether a move keeps a reservation within its campaign: won in one, and the window is of the same clinic session and stock.
-- $1 account_id uuid  $2 claim_id uuid  $3 window_id bigint  $4 stock_id bigint
SELECT EXISTS (
    SELECT FROM claims c JOIN guardianships g ON g.person_id = c.person_id AND g.account_id = $1 AND g.ended_at IS NULL
         JOIN windows own ON own.window_id = c.window_id JOIN windows w ON w.session_id = own.session_id
         JOIN window_quotas q ON q.window_id = w.window_id AND q.channel = 'campaign'
    WHERE c.claim_id = $2 AND c.channel = 'campaign' AND c.stock_id = $4 AND w.window_id = $3)
