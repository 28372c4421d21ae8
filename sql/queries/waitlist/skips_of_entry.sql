-- Why an entry was passed over, newest first.  $1 entry_id bigint
SELECT s.reason, o.made_at, k.name AS clinic_name
FROM offer_skips s JOIN offer_rounds o USING (round_id) JOIN campaign_releases r USING (release_id) JOIN clinics k USING (clinic_id)
WHERE s.entry_id = $1 ORDER BY s.round_id DESC LIMIT 5
