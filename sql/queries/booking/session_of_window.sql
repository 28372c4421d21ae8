-- The clinic session of a window.  $1 window_id bigint
SELECT session_id FROM windows WHERE window_id = $1
