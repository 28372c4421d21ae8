-- How much of a window is held or booked.  $1 window_id bigint
SELECT held + booked FROM windows WHERE window_id = $1
