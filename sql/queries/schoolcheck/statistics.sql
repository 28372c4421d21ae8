-- How many children of each school and stage have each result, by each child's newest check in a span of days.
-- $1 since date  $2 until date  $3 role text  $4 own_district_code text  $5 stage text (null: all)
WITH newest AS (
    SELECT DISTINCT ON (c.school_id, c.stage, h.document_index) c.school_id, c.stage, h.result, h.recheck_by
    FROM school_checks c JOIN school_check_children h USING (check_id) JOIN schools s USING (school_id)
    WHERE c.checked_on BETWEEN $1 AND $2 AND ($5::text IS NULL OR c.stage = $5)
      AND ($3::text = 'city_admin' OR ($3 = 'district_admin' AND s.district_code = $4))
    ORDER BY c.school_id, c.stage, h.document_index, c.checked_on DESC, c.made_at DESC
)
SELECT s.school_id, s.name, s.district_code, d.name AS district_name, n.stage, count(*) AS children,
       count(*) FILTER (WHERE n.result = 'PASSED') AS passed,
       count(*) FILTER (WHERE n.result = 'NEEDS_CATCH_UP') AS needs_catch_up,
       count(*) FILTER (WHERE n.result = 'NO_RECORD') AS no_record,
       count(*) FILTER (WHERE n.result = 'NAME_DIFFERS') AS name_differs,
       count(*) FILTER (WHERE n.recheck_by < (statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date) AS recheck_late
FROM newest n JOIN schools s USING (school_id) JOIN districts d USING (district_code)
GROUP BY s.school_id, s.name, s.district_code, d.name, n.stage
ORDER BY s.district_code, s.name, n.stage
