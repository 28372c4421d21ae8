-- Where a window is and what a stock of its session holds; null for what is not there.
-- $1 window_id bigint  $2 stock_id bigint
SELECT (SELECT c.clinic_id FROM windows JOIN clinic_sessions c USING (session_id) WHERE window_id = $1) AS clinic_id,
       (SELECT p.vaccine_code FROM session_stocks JOIN windows USING (session_id) JOIN products p USING (product_id)
        WHERE window_id = $1 AND stock_id = $2) AS vaccine_code
