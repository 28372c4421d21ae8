-- The places of a draw on record.  $1 campaign_id bigint
SELECT ticket, drawn_position FROM waitlist_entries WHERE campaign_id = $1 AND drawn_position IS NOT NULL
