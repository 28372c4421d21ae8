-- Whose claim it is; null where the account may not act for that person, or the claim is for another vaccine.
-- $1 account_id uuid  $2 claim_id uuid  $3 vaccine_code text
SELECT (SELECT c.person_id
        FROM claims c JOIN guardianships g USING (person_id) JOIN session_stocks USING (stock_id) JOIN products p USING (product_id)
        WHERE c.claim_id = $2 AND g.account_id = $1 AND g.ended_at IS NULL AND p.vaccine_code = $3)
