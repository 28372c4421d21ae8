-- How many children of each school and stage have each result, by each child's newest check in a span of days.
-- $1 since date  $2 until date  $3 role text  $4 own_district_code text  $5 stage text (null: all)
-- A check counts by its newest version up to the end of the span.
WITH verdicts AS (
    SELECT c.school_id, c.stage, h.document_index, c.made_at, c.checked_on,
           coalesce(r.result, h.result) AS result, coalesce(r.checked_on, c.checked_on) AS found_on,
           CASE WHEN r.version IS NULL THEN h.recheck_by ELSE r.recheck_by END AS recheck_by
    FROM school_checks c JOIN school_check_children h USING (check_id) JOIN schools s USING (school_id)
         LEFT JOIN LATERAL (SELECT v.version, v.result, v.checked_on, v.recheck_by FROM school_rechecks v
                            WHERE v.check_id = h.check_id AND v.nth = h.nth AND v.checked_on <= $2
                            ORDER BY v.version DESC LIMIT 1) r ON true
    WHERE c.checked_on BETWEEN $1 AND $2 AND ($5::text IS NULL OR c.stage = $5)
      AND ($3::text = 'city_admin' OR ($3 = 'district_admin' AND s.district_code = $4))
), newest AS (
    SELECT DISTINCT ON (school_id, stage, document_index) school_id, stage, result, recheck_by
    FROM verdicts
    ORDER BY school_id, stage, document_index, found_on DESC, checked_on DESC, made_at DESC
)
SELECT s.school_id, s.name, s.district_code, d.name AS district_name, n.stage, count(*) AS children,
       count(*) FILTER (WHERE n.result = 'PASSED') AS passed,
       count(*) FILTER (WHERE n.result = 'CATCH_UP_COMPLETED') AS catch_up_completed,
       count(*) FILTER (WHERE n.result = 'EXEMPT') AS exempt,
       count(*) FILTER (WHERE n.result = 'NEEDS_CATCH_UP') AS needs_catch_up,
       count(*) FILTER (WHERE n.result = 'NO_RECORD') AS no_record,
       count(*) FILTER (WHERE n.result = 'NAME_DIFFERS') AS name_differs,
       count(*) FILTER (WHERE n.recheck_by < (statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date) AS recheck_late
FROM newest n JOIN schools s USING (school_id) JOIN districts d USING (district_code)
GROUP BY s.school_id, s.name, s.district_code, d.name, n.stage
ORDER BY s.district_code, s.name, n.stage
