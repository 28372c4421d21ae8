-- What decides whether an active person may book a vaccine, asked by staff: as eligibility/facts, whoever's person it is.
-- $1 person_id uuid  $2 vaccine_code text
SELECT mine.birth_date, mine.sex, mine.records, v.detail, statement_timestamp() AS now,
       (SELECT generation FROM token_generations WHERE audience = 'pass') AS generation,
       (SELECT edition_id FROM programme_editions ORDER BY effective_from DESC LIMIT 1) AS edition
FROM (VALUES ($1::uuid, $2::text)) AS asked (person_id, vaccine_code)
     LEFT JOIN LATERAL (
         SELECT p.birth_date, p.sex,
                (SELECT jsonb_agg(jsonb_build_array(r.vaccine_code, r.given_on, r.campaign, r.course_complete,
                                                    r.override))
                 FROM immunization_current r WHERE r.person_id = p.person_id) AS records
         FROM persons p WHERE p.person_id = asked.person_id AND p.status = 'active') AS mine ON true
     LEFT JOIN vaccines v ON v.vaccine_code = asked.vaccine_code AND v.bookable
