-- Make an account unless the phone has one; a row comes back only where it was made.
-- $1 account_id uuid  $2 phone_sealed bytea  $3 phone_index bytea  $4 origin text
INSERT INTO accounts (account_id, phone_sealed, phone_index, origin) VALUES ($1, $2, $3, $4)
ON CONFLICT (phone_index) DO NOTHING RETURNING account_id
