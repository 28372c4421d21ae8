-- The children of one check that are still to be checked again, with what decides about them, locked in their order.
-- $1 check_id uuid  $2 today date
-- records: as in schoolcheck/lock_deadlines; was and was_missing are the newest version so far.
SELECT d.check_id, d.nth, c.stage, p.birth_date, p.sex, p.status = 'active' AS on_record,
       coalesce(k.result, h.result) AS was, coalesce(k.missing, h.missing) AS was_missing,
       (SELECT jsonb_agg(jsonb_build_array(r.vaccine_code, r.given_on, r.campaign, r.course_complete, r.override))
        FROM immunization_current r WHERE r.person_id = p.person_id) AS records,
       exemptions_on(p.person_id, $2) AS exemptions, catch_up_asked_on(p.person_id, c.stage, $2) AS asked_on
FROM school_deadlines d
     JOIN school_checks c USING (check_id)
     JOIN school_check_children h USING (check_id, nth)
     JOIN persons p USING (person_id)
     LEFT JOIN LATERAL (SELECT v.result, v.missing FROM school_rechecks v
                        WHERE v.check_id = d.check_id AND v.nth = d.nth ORDER BY v.version DESC LIMIT 1) k ON true
WHERE d.check_id = $1
ORDER BY d.nth FOR UPDATE OF d
