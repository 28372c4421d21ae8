-- Keep what is due by series.
-- $1 person_ids uuid[]  $2 series text[]  $3 names text[]  $4 statuses text[]  $5 counted smallint[]  $6 reminded boolean[]
-- $7 next_doses smallint[]  $8 earliest date[]  $9 recommended date[]  $10 overdue date[]
INSERT INTO due_doses (person_id, series, name_zh, status, counted, reminded, next_dose, earliest, recommended, overdue)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::boolean[], $7::smallint[],
                     $8::date[], $9::date[], $10::date[])
