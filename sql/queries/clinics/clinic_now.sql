-- The clock and the city's date, if the clinic is one that residents see.  $1 clinic_id integer
SELECT now() AS now, (now() AT TIME ZONE 'Asia/Shanghai')::date AS today FROM clinics WHERE clinic_id = $1 AND NOT hidden
