-- Publish an edition; null where its id is there already.
-- $1 edition_id text  $2 effective_from date  $3 digest text  $4 document text  $5 published_by text
INSERT INTO programme_editions (edition_id, effective_from, digest, document, published_by)
SELECT $1::text, $2::date, $3::text, $4::text, $5::text
WHERE NOT EXISTS (SELECT FROM programme_editions e WHERE e.edition_id = $1)
RETURNING edition_id
