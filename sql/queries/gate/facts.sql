-- What hardly ever changes about some windows: session, clinic, day, and the vaccine of each of the session's stocks.
-- $1 window_ids bigint[]
SELECT w.window_id, w.session_id, s.clinic_id, s.session_date,
       (SELECT coalesce(array_agg(t.stock_id ORDER BY t.stock_id), '{}') FROM session_stocks t
        WHERE t.session_id = w.session_id) AS stock_ids,
       (SELECT coalesce(array_agg(p.vaccine_code ORDER BY t.stock_id), '{}') FROM session_stocks t
            JOIN products p USING (product_id)
        WHERE t.session_id = w.session_id) AS vaccine_codes
FROM windows w JOIN clinic_sessions s USING (session_id)
WHERE w.window_id = ANY ($1::bigint[])
