-- The clinics one may choose in a campaign: those it names, or where it names none, all.  $1 campaign_id bigint
SELECT k.clinic_id, k.name, k.address, k.district_code
FROM campaigns c JOIN clinics k ON (k.clinic_id = ANY (c.clinics) OR c.clinics = '{}')
WHERE c.campaign_id = $1 AND NOT k.hidden
ORDER BY k.district_code, k.name
