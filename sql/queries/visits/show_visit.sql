-- A reservation as the desk sees it.  $1 claim_id uuid
SELECT c.claim_id AS reservation_id, c.state::text AS state, v.outcome, v.reason, v.checked_in_at, v.ended_at,
       w.starts_at, w.ends_at, p.person_id, p.name_sealed, n.vaccine_code, n.name_zh AS vaccine_name
FROM claims c JOIN windows w USING (window_id) JOIN persons p USING (person_id) JOIN session_stocks t USING (stock_id)
     JOIN products d USING (product_id) JOIN vaccines n USING (vaccine_code) LEFT JOIN visits v ON v.claim_id = c.claim_id
WHERE c.claim_id = $1
