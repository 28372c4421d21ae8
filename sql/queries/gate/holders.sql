-- Accounts that were ever granted a hold in a window, of a stock, and the version of the window's places up to which
-- nobody is missing: one statement sees one moment.
-- Parallel arrays: $1 window_ids bigint[]  $2 stock_ids bigint[]
SELECT r.n::integer AS n, w.version,
       ARRAY(SELECT c.account_id FROM claims c
             WHERE c.window_id = r.window_id AND c.stock_id = r.stock_id AND c.account_id IS NOT NULL
             UNION
             SELECT m.account_id FROM claim_moves m
             WHERE m.window_id = r.window_id AND m.stock_id = r.stock_id AND m.account_id IS NOT NULL) AS account_ids
FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS r (window_id, stock_id, n)
     JOIN windows w ON w.window_id = r.window_id
