-- What decides whether an account, or staff, may book a vaccine for a person now. Always one row.
-- $1 account_id uuid (null: staff ask, for any active person)  $2 person_id uuid  $3 vaccine_code text
-- records: what counts of the person's immunizations, as [vaccine, day, campaign, course_complete, override].
-- birth_date null: not one of the account's people, or the account is not active;  detail null: not a bookable vaccine.
-- generation and edition are of one moment: who knows that edition may sign a pass of that generation.
SELECT mine.birth_date, mine.sex, mine.records, v.detail, statement_timestamp() AS now,
       (SELECT generation FROM token_generations WHERE audience = 'pass') AS generation,
       (SELECT edition_id FROM programme_editions ORDER BY effective_from DESC LIMIT 1) AS edition
FROM (VALUES ($1::uuid, $2::uuid, $3::text)) AS asked (account_id, person_id, vaccine_code)
     LEFT JOIN LATERAL (
         SELECT p.birth_date, p.sex,
                (SELECT jsonb_agg(jsonb_build_array(r.vaccine_code, r.given_on, r.campaign, r.course_complete,
                                                    r.override))
                 FROM immunization_current r WHERE r.person_id = p.person_id) AS records
         FROM persons p
         WHERE p.person_id = asked.person_id AND p.status = 'active'
           AND (asked.account_id IS NULL
                OR EXISTS (SELECT FROM guardianships g JOIN accounts a USING (account_id)
                           WHERE g.account_id = asked.account_id AND g.person_id = p.person_id AND g.ended_at IS NULL
                             AND a.status = 'active'))) AS mine ON true
     LEFT JOIN vaccines v ON v.vaccine_code = asked.vaccine_code AND v.bookable
