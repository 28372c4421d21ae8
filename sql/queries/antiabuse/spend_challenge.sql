-- A solved challenge works once; no row: it has been spent.  $1 nonce bytea  $2 expires_at timestamptz
INSERT INTO spent_challenges (nonce, expires_at) VALUES ($1, $2) ON CONFLICT (nonce) DO NOTHING RETURNING nonce
