-- End a visit, once.  $1 claim_id uuid  $2 actor text  $3 outcome text (given | not_given)  $4 reason text (not given: why)
WITH ended AS (
    UPDATE claims SET state = 'fulfilled', ended_at = statement_timestamp(), changed_by = $2, changed_from = 'desk',
                      change_reason = $3::text || coalesce(': ' || $4::text, '')
    WHERE claim_id = $1 AND state = 'checked_in'
    RETURNING claim_id
)
UPDATE visits v SET outcome = $3, reason = $4, ended_at = statement_timestamp(), ended_by = $2
FROM ended WHERE v.claim_id = ended.claim_id AND v.outcome IS NULL
RETURNING v.claim_id
