-- Take a campaign from one state to another; no row where it is not in the first.  $1 campaign_id bigint  $2 was text  $3 becomes text
UPDATE campaigns SET state = $3, published_at = CASE WHEN $3::text = 'published' THEN now() ELSE published_at END
WHERE campaign_id = $1 AND state = $2::text
RETURNING campaign_id
