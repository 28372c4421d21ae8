-- The people with these documents and what counts of their immunizations, one row for each who is on record and active.
-- $1 document_types text[]  $2 document_indexes bytea[]  $3 stage text  $4 on date
-- records: as [vaccine, day, campaign, course_complete, override]; null where there is none.
SELECT asked.place, p.person_id, p.name_sealed, p.birth_date, p.sex,
       (SELECT jsonb_agg(jsonb_build_array(r.vaccine_code, r.given_on, r.campaign, r.course_complete, r.override))
        FROM immunization_current r WHERE r.person_id = p.person_id) AS records,
       exemptions_on(p.person_id, $4) AS exemptions, catch_up_asked_on(p.person_id, $3, $4) AS asked_on
FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS asked (document_type, document_index, place)
     JOIN persons p ON p.document_type = asked.document_type AND p.document_index = asked.document_index
                       AND p.status = 'active'
ORDER BY asked.place
