-- Keep the verdicts of a check, in the order of the list.
-- $1 check_id uuid  $2 document_indexes bytea[]  $3 person_ids uuid[]  $4 class_names text[]  $5 results text[]
-- $6 missing text[] (JSON)  $7 recheck_by date[]
INSERT INTO school_check_children (check_id, nth, document_index, person_id, class_name, result, missing, recheck_by)
SELECT $1, one.nth, one.document_index, one.person_id, one.class_name, one.result, one.missing::jsonb, one.recheck_by
FROM unnest($2::bytea[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::date[]) WITH ORDINALITY
     AS one (document_index, person_id, class_name, result, missing, recheck_by, nth)
