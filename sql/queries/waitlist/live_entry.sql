-- Whether a person has an entry in a campaign that counts, or waits for the same vaccine in another.
-- $1 campaign_id bigint  $2 person_id uuid  $3 vaccine_code text
SELECT EXISTS (SELECT FROM waitlist_entries e WHERE e.person_id = $2 AND e.campaign_id = $1
                   AND e.state IN ('waiting', 'offered', 'accepted', 'done')) AS here,
       EXISTS (SELECT FROM waitlist_entries e WHERE e.person_id = $2 AND e.vaccine_code = $3
                   AND e.state IN ('waiting', 'offered')) AS elsewhere
