-- What the other officers read.  $1 campaign_id bigint  $2 staff_id bigint
SELECT entropy FROM draw_readings WHERE campaign_id = $1 AND staff_id <> $2 ORDER BY staff_id
