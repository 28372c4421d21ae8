-- An entry at the end of its tier. The trigger gives its arrival; who already has one gets no row.
-- $1 campaign_id bigint  $2 vaccine_code text  $3 person_id uuid  $4 account_id uuid  $5 tier smallint  $6 tier_reason text
-- $7 clinics integer[]  $8 actor text  $9 source text
INSERT INTO waitlist_entries (campaign_id, vaccine_code, person_id, account_id, tier, tier_reason, arrival, clinics,
                              changed_by, changed_from)
VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9)
ON CONFLICT DO NOTHING
RETURNING entry_id, tier, arrival
