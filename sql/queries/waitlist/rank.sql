-- How an entry stands among those that wait, counted in the ledger.  $1 campaign_id bigint  $2 place bigint  $3 tier smallint
SELECT count(*) FILTER (WHERE e.place < $2) AS ahead,
       count(*) FILTER (WHERE e.place < ($3::bigint << 44)) AS ahead_in_earlier_tiers, count(*) AS waiting
FROM waitlist_entries e WHERE e.campaign_id = $1 AND e.state = 'waiting'
