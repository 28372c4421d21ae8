-- Districts by their names, in the order of their codes.  $1 codes text[]
SELECT name FROM districts WHERE district_code = ANY ($1) ORDER BY district_code
