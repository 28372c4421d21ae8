-- How many children are on record, as immunizations/sample_people gives them.
SELECT count(*) FROM persons p
WHERE p.status = 'active'
  AND p.birth_date > (statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date - interval '18 years'
