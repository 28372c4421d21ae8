-- Say where records came from and what became of the rows.
-- $1 import_id uuid  $2 clinic_id integer  $3 source text  $4 digest bytea  $5 rows integer  $6 recorded integer
-- $7 duplicates integer  $8 refused integer  $9 made_by text  $10 made_from text
INSERT INTO immunization_imports (import_id, clinic_id, source, digest, rows, recorded, duplicates, refused, made_by,
                                  made_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
