-- A draft.  $1 title text  $2 vaccine_code text  $3 mode text  $4 opens_at timestamptz  $5 closes_at timestamptz  $6 clinics integer[]
-- $7 eligible jsonb  $8 tiers jsonb  $9 offer_minutes integer  $10 entropy_rule text  $11 created_by text
INSERT INTO campaigns (title, vaccine_code, mode, opens_at, closes_at, clinics, eligible, tiers, offer_minutes, entropy_rule, created_by)
SELECT $1, v.vaccine_code, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM vaccines v WHERE v.vaccine_code = $2::text
RETURNING campaign_id
