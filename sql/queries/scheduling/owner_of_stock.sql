-- The session and clinic of a stock, the session locked against being closed meanwhile.  $1 stock_id bigint
SELECT s.session_id, s.clinic_id, s.state FROM session_stocks t JOIN clinic_sessions s USING (session_id)
WHERE t.stock_id = $1 FOR NO KEY UPDATE OF s
