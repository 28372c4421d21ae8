-- Another number of doses; the campaign must be taken.  $1 release_id bigint  $2 doses integer
UPDATE campaign_releases SET doses = $2 WHERE release_id = $1
