-- Have a campaign alone until this transaction ends: nobody joins, leaves or is offered anything.  $1 campaign_id bigint
SELECT take_campaign($1::bigint)
