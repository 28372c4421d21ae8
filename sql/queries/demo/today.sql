-- The city's date by the database's clock.
SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date
