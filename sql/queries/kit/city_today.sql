-- The day it is in the city.
SELECT (statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date
