-- The time, by the clock that decides.
SELECT statement_timestamp()
