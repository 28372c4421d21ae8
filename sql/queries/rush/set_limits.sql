-- Set window, quota and stock to one limit, never below what is taken.  $1 window_id bigint  $2 stock_id bigint  $3 wanted integer
WITH w AS (UPDATE windows SET capacity = greatest($3::integer, held + booked) WHERE window_id = $1),
q AS (UPDATE window_quotas SET quota = greatest($3::integer, held + booked) WHERE window_id = $1)
UPDATE session_stocks SET vials = greatest($3::integer, held + booked) WHERE stock_id = $2
