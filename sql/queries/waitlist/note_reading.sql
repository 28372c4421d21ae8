-- What an officer read from the public source; a later reading of the same officer counts instead.
-- $1 campaign_id bigint  $2 staff_id bigint  $3 entropy text
INSERT INTO draw_readings (campaign_id, staff_id, entropy) VALUES ($1, $2, $3)
ON CONFLICT (campaign_id, staff_id) DO UPDATE SET entropy = excluded.entropy, read_at = now()
