-- Wait for a round of this campaign to end, and let none begin until this transaction does.  $1 campaign_id bigint
SELECT share_campaign($1::bigint)
