-- $1 check_id uuid  $2 school_id integer  $3 stage text  $4 checked_on date  $5 edition_id text  $6 made_by text
-- $7 made_from text
INSERT INTO school_checks (check_id, school_id, stage, checked_on, edition_id, made_by, made_from)
VALUES ($1, $2, $3, $4, $5, $6, $7)
