-- Set a channel's quota, never below what is held and booked (P6); adds the channel where the window has none.
-- $1 window_id bigint  $2 channel text  $3 wanted integer  $4 bookable_from timestamptz (null: as it is, or now)
INSERT INTO window_quotas AS q (window_id, channel, quota, bookable_from)
VALUES ($1, $2, $3, coalesce($4, now()))
ON CONFLICT (window_id, channel) DO UPDATE
    SET quota = greatest($3::integer, q.held + q.booked), bookable_from = coalesce($4, q.bookable_from)
RETURNING quota AS limit, held, booked, free, version, quota - $3::integer AS kept_back
