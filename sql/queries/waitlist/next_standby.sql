-- The next that are willing to come for leftover doses of a clinic, the nearest first, then in order; `place` is their turn.
-- $1 campaign_id bigint  $2 clinic_id integer  $3 after_turn bigint  $4 vaccine_code text  $5 series text[]  $6 at_most integer
-- $7 release_id bigint.  reason: why somebody would be skipped; null where nothing stands against an offer.
WITH near AS MATERIALIZED (   -- once for each district, not for each who waits
    SELECT district_code, standby_km(district_code, $2::integer)::bigint << 53 AS first_turn FROM districts
)
SELECT e.entry_id, t.turn AS place, e.person_id, e.account_id, p.birth_date, p.sex, p.residence_district, p.work_district,
       (SELECT count(*)::integer FROM immunization_current r WHERE r.person_id = e.person_id AND r.vaccine_code = $4::text) AS doses,
       EXISTS (SELECT FROM waitlist_entries b WHERE b.person_id = e.person_id AND b.vaccine_code = $4::text
                                                AND b.state = 'unserved') AS waited_before,
       CASE WHEN p.status <> 'active' THEN 'inactive'
            WHEN EXISTS (SELECT FROM offers o WHERE o.entry_id = e.entry_id AND o.release_id = $7::bigint) THEN 'asked_before'
            WHEN EXISTS (SELECT FROM live_claims l WHERE l.person_id = e.person_id AND l.series = ANY ($5::text[]))
                THEN 'duplicate_claim' END AS reason
FROM waitlist_entries e JOIN persons p USING (person_id) JOIN near n ON n.district_code = e.standby_district
     CROSS JOIN LATERAL (SELECT n.first_turn + e.place) AS t (turn)
WHERE e.campaign_id = $1 AND e.state = 'waiting' AND e.standby_district IS NOT NULL
  AND t.turn > $3 AND (e.clinics = '{}' OR $2::integer = ANY (e.clinics))
ORDER BY t.turn LIMIT $6
