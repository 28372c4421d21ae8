-- Set a window's capacity, never below what is held and booked (P6).  $1 window_id bigint  $2 wanted integer
UPDATE windows SET capacity = greatest($2::integer, held + booked) WHERE window_id = $1
RETURNING capacity AS limit, held, booked, free, version, capacity - $2::integer AS kept_back
