-- What the terms of a campaign ask about one of an account's people; no row where the person is not theirs.
-- $1 account_id uuid  $2 person_id uuid  $3 vaccine_code text
SELECT p.birth_date, p.sex, p.status, p.residence_district, p.work_district,
       (SELECT count(*)::integer FROM immunization_current r WHERE r.person_id = p.person_id AND r.vaccine_code = $3::text) AS doses,
       EXISTS (SELECT FROM waitlist_entries e
               WHERE e.person_id = p.person_id AND e.vaccine_code = $3::text AND e.state = 'unserved') AS waited_before
FROM guardianships g JOIN accounts a USING (account_id) JOIN persons p USING (person_id)
WHERE g.account_id = $1 AND g.person_id = $2 AND g.ended_at IS NULL AND a.status = 'active'
