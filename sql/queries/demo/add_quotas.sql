-- Add the channel quotas of new windows. $1 window ids, $2 channels, $3 quotas, $4 bookable from (parallel arrays).
INSERT INTO window_quotas (window_id, channel, quota, bookable_from)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::timestamptz[])
