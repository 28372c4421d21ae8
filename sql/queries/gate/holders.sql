-- Accounts that were ever granted a hold in a window, of a stock, and the versions up to which nobody is missing: of the
-- window's places, of the channel's quota (0: it has none) and of the stock (0: there is none). A refusal may rest on any
-- of the three, and they are heard of apart: one statement sees one moment of all.
-- $1 window_ids bigint[]  $2 stock_ids bigint[] (parallel arrays)  $3 channel
SELECT r.n::integer AS n, w.version AS window_version,
       coalesce((SELECT q.version FROM window_quotas q WHERE q.window_id = r.window_id AND q.channel = $3), 0)
           AS quota_version,
       coalesce((SELECT s.version FROM session_stocks s WHERE s.stock_id = r.stock_id), 0) AS stock_version,
       ARRAY(SELECT c.account_id FROM claims c
             WHERE c.window_id = r.window_id AND c.stock_id = r.stock_id AND c.account_id IS NOT NULL
             UNION
             SELECT m.account_id FROM claim_moves m
             WHERE m.window_id = r.window_id AND m.stock_id = r.stock_id AND m.account_id IS NOT NULL) AS account_ids
FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS r (window_id, stock_id, n)
     JOIN windows w ON w.window_id = r.window_id
