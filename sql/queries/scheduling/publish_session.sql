-- Publish a clinic session.
-- $1 clinic_id integer  $2 session_date date  $3 title text  $4 kind text  $5 published_by text  $6 origin text
INSERT INTO clinic_sessions (clinic_id, session_date, title, kind, published_by, origin)
VALUES ($1, $2, $3, $4, $5, $6)
RETURNING session_id
