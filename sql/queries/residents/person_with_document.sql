-- The active person with a document.  $1 document_type text  $2 document_index bytea
SELECT person_id, name_sealed FROM persons WHERE document_type = $1 AND document_index = $2 AND status = 'active'
