-- Which of some people have a live claim of a vaccine's series.  $1 person_ids uuid[]  $2 vaccine_code text
SELECT DISTINCT l.person_id FROM live_claims l JOIN vaccine_series v USING (series)
WHERE l.person_id = ANY ($1::uuid[]) AND v.vaccine_code = $2
