-- Doses for a campaign; no row where this stock has a release already.
-- $1 campaign_id bigint  $2 stock_id bigint  $3 session_id bigint  $4 clinic_id integer  $5 doses integer  $6 actor text
INSERT INTO campaign_releases (campaign_id, stock_id, session_id, clinic_id, doses, created_by) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING RETURNING release_id
