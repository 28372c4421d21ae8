-- Let nobody else at a desk check the children of a check again meanwhile.  $1 check_id uuid
SELECT check_id FROM school_checks WHERE check_id = $1 FOR UPDATE
