-- The days and series on which these people have a record already.  $1 person_ids uuid[]
SELECT d.person_id, d.given_on, d.series, d.nth, d.record_id
FROM immunization_days d WHERE d.person_id = ANY($1::uuid[])
