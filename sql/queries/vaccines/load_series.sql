-- Add the memberships of vaccines in series. $1 vaccine codes, $2 series (parallel arrays).
INSERT INTO vaccine_series (vaccine_code, series)
SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT DO NOTHING
