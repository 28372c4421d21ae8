-- The next that wait for a dose at a clinic, in order.
-- $1 campaign_id bigint  $2 clinic_id integer  $3 after_place bigint  $4 vaccine_code text  $5 series text[]  $6 at_most integer
-- reason: why somebody would be skipped, as far as this statement sees; null where nothing stands against an offer.
SELECT e.entry_id, e.place, e.person_id, e.account_id, p.birth_date, p.sex, p.residence_district, p.work_district,
       (SELECT count(*)::integer FROM immunization_current r WHERE r.person_id = e.person_id AND r.vaccine_code = $4::text) AS doses,
       EXISTS (SELECT FROM waitlist_entries b WHERE b.person_id = e.person_id AND b.vaccine_code = $4::text
                                                AND b.state = 'unserved') AS waited_before,
       CASE WHEN p.status <> 'active' THEN 'inactive'
            WHEN EXISTS (SELECT FROM live_claims l WHERE l.person_id = e.person_id AND l.series = ANY ($5::text[]))
                THEN 'duplicate_claim' END AS reason
FROM waitlist_entries e JOIN persons p USING (person_id)
WHERE e.campaign_id = $1 AND e.state = 'waiting' AND e.place > $3 AND (e.clinics = '{}' OR $2::integer = ANY (e.clinics))
ORDER BY e.place LIMIT $6
