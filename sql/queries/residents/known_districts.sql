-- How many of these districts there are.  $1 codes text[]
SELECT count(*)::integer FROM districts WHERE district_code = ANY ($1)
