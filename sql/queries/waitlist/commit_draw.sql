-- The first step of a draw: the secret, kept sealed, and what is announced.  $1 campaign_id bigint  $2 secret_sealed bytea  $3 announcement bytea
INSERT INTO campaign_draws (campaign_id, secret_sealed, announcement) VALUES ($1, $2, $3)
