-- The person behind a child of a check, where the child is on record; who may see the check was asked before.
-- $1 check_id uuid  $2 nth integer
SELECT person_id FROM school_check_children WHERE check_id = $1 AND nth = $2 AND person_id IS NOT NULL
