-- The reservations a person has missed: the day of each in the city, and the series of its vaccine.  $1 person_id uuid
SELECT s.session_date AS day, ARRAY(SELECT v.series FROM vaccine_series v WHERE v.vaccine_code = p.vaccine_code) AS series
FROM claims c JOIN windows w USING (window_id) JOIN clinic_sessions s USING (session_id)
     JOIN session_stocks t USING (stock_id) JOIN products p USING (product_id)
WHERE c.person_id = $1 AND c.state = 'no_show'
