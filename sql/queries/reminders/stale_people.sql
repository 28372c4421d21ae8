-- People whose due doses must be worked out again, with what decides them as of one moment.
-- $1 today date  $2 edition_id text (in force today)  $3 at_most integer
-- followed: a living child that an account acts for. records: as [vaccine, day, campaign, course_complete, override].
SELECT d.person_id, d.version, p.birth_date, p.sex,
       p.status = 'active' AND p.birth_date > $1::date - interval '18 years'
           AND EXISTS (SELECT FROM guardianships g WHERE g.person_id = d.person_id AND g.ended_at IS NULL) AS followed,
       coalesce((SELECT jsonb_agg(jsonb_build_array(r.vaccine_code, r.given_on, r.campaign, r.course_complete, r.override)
                                  ORDER BY r.given_on, r.record_id)
                 FROM immunization_current r WHERE r.person_id = d.person_id), '[]') AS records
FROM due_people d JOIN persons p USING (person_id)
WHERE d.person_id IN (
    (SELECT person_id FROM due_people WHERE stale_from <= $1 ORDER BY stale_from LIMIT $3)
    UNION (SELECT person_id FROM due_people WHERE edition_id < $2 ORDER BY edition_id LIMIT $3)
    UNION (SELECT person_id FROM due_people WHERE edition_id > $2 ORDER BY edition_id LIMIT $3)
    LIMIT $3)
