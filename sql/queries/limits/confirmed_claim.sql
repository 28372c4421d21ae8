-- A reservation that its account could still cancel: when its window begins, and the series of its vaccine.
-- No row: not theirs, not confirmed, or begun; what is wrong then is for the ledger to say.
-- $1 account_id uuid  $2 claim_id uuid
SELECT w.starts_at, statement_timestamp() AS now,
       ARRAY(SELECT v.series FROM vaccine_series v WHERE v.vaccine_code = p.vaccine_code) AS series
FROM claims c JOIN guardianships g USING (person_id) JOIN windows w USING (window_id)
     JOIN session_stocks t USING (stock_id) JOIN products p USING (product_id)
WHERE c.claim_id = $2 AND g.account_id = $1 AND g.ended_at IS NULL
  AND c.state = 'confirmed' AND statement_timestamp() < w.starts_at
