-- Leftover doses as a clinic session of its own, with one window until the hour that staff said, and their release.
-- $1 clinic_id integer  $2 session_date date  $3 title text  $4 actor text  $5 until timestamptz  $6 doses integer
-- $7 product_id integer  $8 campaign_id bigint  $9 leftover_of bigint (the stock)  $10 offer_minutes integer
WITH made AS (
    INSERT INTO clinic_sessions (clinic_id, session_date, title, kind, published_by, origin)
    VALUES ($1, $2, $3, 'dedicated', $4, 'city') RETURNING session_id
), opened AS (
    INSERT INTO windows (session_id, starts_at, ends_at, bookable_until, capacity)
    SELECT session_id, statement_timestamp(), $5, $5, $6::integer FROM made RETURNING window_id
), shared AS (
    INSERT INTO window_quotas (window_id, channel, quota, bookable_from)
    SELECT window_id, 'campaign', $6::integer, statement_timestamp() FROM opened
), counted AS (
    INSERT INTO session_stocks (session_id, product_id, vials, vial_size)
    SELECT session_id, $7, $6::integer, 1 FROM made RETURNING session_id, stock_id
)
INSERT INTO campaign_releases (campaign_id, stock_id, session_id, clinic_id, doses, created_by, leftover_of, offer_minutes)
SELECT $8, stock_id, session_id, $1, $6::integer, $4, $9, $10 FROM counted
RETURNING release_id, session_id
