-- The people an account acts for now: how many, and whether one of them is the account holder.  $1 account_id uuid
SELECT count(*)::integer AS people, coalesce(bool_or(relation = 'self'), false) AS has_self
FROM guardianships WHERE account_id = $1 AND ended_at IS NULL
