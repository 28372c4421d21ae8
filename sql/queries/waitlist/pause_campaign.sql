-- Stop or go on making offers; no row where it is so already or the campaign is over.  $1 campaign_id bigint  $2 paused boolean
UPDATE campaigns SET paused = $2 WHERE campaign_id = $1 AND paused <> $2 AND state <> 'ended'
RETURNING campaign_id
