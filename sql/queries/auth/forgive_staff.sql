-- The password was right: forget the failures.  $1 staff_id bigint
UPDATE staff SET failures = 0, locked_until = NULL WHERE staff_id = $1
