-- Checks within reach in a span of days, the newest first, with how many children stand where by their newest version.
-- $1 since date  $2 until date  $3 role text  $4 own_clinic_id integer  $5 own_district_code text  $6 at_most integer
-- $7 check_id uuid (null: all of the span; else that one, whatever its day)
-- Reach: the city all, a district its own schools, a clinic what it checked itself.
SELECT c.check_id, c.stage, c.checked_on, c.made_at, c.edition_id, s.school_id, s.name AS school_name, s.district_code,
       d.name AS district_name, r.bad_rows, r.roll_sealed, n.*
FROM school_checks c
     JOIN schools s USING (school_id) JOIN districts d USING (district_code)
     LEFT JOIN school_check_rolls r USING (check_id)
     CROSS JOIN LATERAL (
         SELECT count(*) AS children, count(*) FILTER (WHERE v.result = 'PASSED') AS passed,
                count(*) FILTER (WHERE v.result = 'CATCH_UP_COMPLETED') AS catch_up_completed,
                count(*) FILTER (WHERE v.result = 'EXEMPT') AS exempt,
                count(*) FILTER (WHERE v.result = 'NEEDS_CATCH_UP') AS needs_catch_up,
                count(*) FILTER (WHERE v.result = 'NO_RECORD') AS no_record,
                count(*) FILTER (WHERE v.result = 'NAME_DIFFERS') AS name_differs,
                count(*) FILTER (WHERE v.recheck_by < (statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date)
                    AS recheck_late,
                min(v.recheck_by) AS recheck_by
         FROM school_check_children h
              LEFT JOIN LATERAL (SELECT k.version, k.result, k.recheck_by FROM school_rechecks k
                                 WHERE k.check_id = h.check_id AND k.nth = h.nth ORDER BY k.version DESC LIMIT 1) k ON true
              CROSS JOIN LATERAL (SELECT coalesce(k.result, h.result) AS result,
                                         CASE WHEN k.version IS NULL THEN h.recheck_by ELSE k.recheck_by END AS recheck_by) v
         WHERE h.check_id = c.check_id) n
WHERE (c.check_id = $7 OR ($7::uuid IS NULL AND c.checked_on BETWEEN $1 AND $2))
  AND ($3::text = 'city_admin' OR ($3 = 'district_admin' AND s.district_code = $5)
       OR ($3 = 'clinic_staff' AND r.clinic_id = $4))
ORDER BY c.checked_on DESC, c.made_at DESC LIMIT $6
