-- $1 person_id uuid  $2 name_sealed bytea  $3 document_type text  $4 document_sealed bytea  $5 document_index bytea
-- $6 birth_date date  $7 sex text  $8 origin text
INSERT INTO persons (person_id, name_sealed, document_type, document_sealed, document_index, birth_date, sex, origin)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
