-- Which series each vaccine takes part in, as the day of a dose is held for them.
SELECT vaccine_code, array_agg(series ORDER BY series) AS series FROM vaccine_series GROUP BY vaccine_code
