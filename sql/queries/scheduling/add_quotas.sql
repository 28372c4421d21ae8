-- Add channel quotas. Parallel arrays: $1 window_ids bigint[]  $2 channels text[]  $3 quotas integer[]
-- $4 bookable_from timestamptz[] (null: at once)
INSERT INTO window_quotas (window_id, channel, quota, bookable_from)
SELECT window_id, channel, quota, coalesce(bookable_from, now())
FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::timestamptz[]) AS q (window_id, channel, quota, bookable_from)
