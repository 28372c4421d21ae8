-- Which of some people have a live claim of some series.  $1 person_ids uuid[]  $2 series text[]
SELECT DISTINCT l.person_id FROM live_claims l WHERE l.person_id = ANY ($1::uuid[]) AND l.series = ANY ($2::text[])
