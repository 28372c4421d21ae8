-- Children whose deadline has come, with what decides about them; others who ask meanwhile get other children.
-- $1 today date  $2 at_most integer
-- records: as [vaccine, day, campaign, course_complete, override]; null where there is none.
SELECT d.check_id, d.nth, c.stage, p.birth_date, p.sex, p.status = 'active' AS on_record,
       (SELECT jsonb_agg(jsonb_build_array(r.vaccine_code, r.given_on, r.campaign, r.course_complete, r.override))
        FROM immunization_current r WHERE r.person_id = p.person_id) AS records,
       exemptions_on(p.person_id, $1) AS exemptions, catch_up_asked_on(p.person_id, c.stage, $1) AS asked_on
FROM school_deadlines d
     JOIN school_checks c USING (check_id)
     JOIN school_check_children h USING (check_id, nth)
     JOIN persons p USING (person_id)
WHERE d.recheck_by <= $1
ORDER BY d.recheck_by, d.check_id, d.nth LIMIT $2 FOR UPDATE OF d, h SKIP LOCKED
