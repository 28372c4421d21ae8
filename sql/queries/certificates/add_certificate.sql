-- $1 certificate_id uuid  $2 number text  $3 kind text  $4 person_id uuid  $5 key_id text  $6 edition_id text
-- $7 text_sealed bytea  $8 print_sealed bytea  $9 content_index bytea  $10 issued_by text  $11 issued_from text
INSERT INTO certificates (certificate_id, number, kind, person_id, key_id, edition_id, text_sealed, print_sealed,
                          content_index, issued_by, issued_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
