-- The children of one check who may stand elsewhere by now (to catch up, or exempt), with what decides about them, locked
-- in their order: who checks them again beside this waits.  $1 check_id uuid  $2 today date
-- records: as in schoolcheck/lock_deadlines; was and was_missing are the newest version so far.
SELECT h.check_id, h.nth, c.stage, p.birth_date, p.sex, p.status = 'active' AS on_record,
       coalesce(k.result, h.result) AS was, coalesce(k.missing, h.missing) AS was_missing,
       (SELECT jsonb_agg(jsonb_build_array(r.vaccine_code, r.given_on, r.campaign, r.course_complete, r.override))
        FROM immunization_current r WHERE r.person_id = p.person_id) AS records,
       exemptions_on(p.person_id, $2) AS exemptions, catch_up_asked_on(p.person_id, c.stage, $2) AS asked_on
FROM school_check_children h
     JOIN school_checks c USING (check_id)
     JOIN persons p USING (person_id)
     LEFT JOIN LATERAL (SELECT v.result, v.missing FROM school_rechecks v
                        WHERE v.check_id = h.check_id AND v.nth = h.nth ORDER BY v.version DESC LIMIT 1) k ON true
WHERE h.check_id = $1 AND coalesce(k.result, h.result) IN ('NEEDS_CATCH_UP', 'EXEMPT')
ORDER BY h.nth FOR UPDATE OF h
