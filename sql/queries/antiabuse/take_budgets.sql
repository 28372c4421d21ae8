-- Count one against every budget of some subjects before it is spent, or against none.
-- $1 what text  $2 scopes text[]  $3 subjects bytea[], parallel
-- A row: the budget that refuses and ends last. Counters stay locked until the transaction ends.
SELECT scope, window_s, most, ends_at, seen FROM take_budgets($1, $2::text[], $3::bytea[])
