-- The people with these documents, one row for each who is on record and active.
-- $1 document_types text[]  $2 document_indexes bytea[]
SELECT asked.place, p.person_id, p.name_sealed, p.birth_date
FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS asked (document_type, document_index, place)
     JOIN persons p ON p.document_type = asked.document_type AND p.document_index = asked.document_index
                       AND p.status = 'active'
ORDER BY asked.place
