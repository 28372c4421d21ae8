-- People under 18 with their recorded doses, in the order of their ids, which says nothing about them.
-- $1 after uuid (the last one of the page before)  $2 at most integer
SELECT p.person_id, p.birth_date, p.sex,
       coalesce((SELECT jsonb_agg(jsonb_build_array(r.vaccine_code, r.given_on, r.campaign, r.course_complete, r.override)
                                  ORDER BY r.given_on, r.record_id)
                 FROM immunization_current r WHERE r.person_id = p.person_id), '[]') AS records
FROM persons p
WHERE p.person_id > $1 AND p.status = 'active'
  AND p.birth_date > (statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date - interval '18 years'
ORDER BY p.person_id LIMIT $2
