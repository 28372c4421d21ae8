-- Lock a stock, as whoever moves its counters does; what else is asked of it is asked after this.  $1 stock_id bigint
SELECT stock_id FROM session_stocks WHERE stock_id = $1 FOR NO KEY UPDATE
