-- How an entry stands among those that wait, and the entry just before it.  $1 campaign_id bigint  $2 place bigint  $3 tier smallint
SELECT (SELECT count(*) FROM waitlist_entries e
        WHERE e.campaign_id = $1 AND e.state = 'waiting' AND e.place < $2) AS ahead,
       (SELECT count(*) FROM waitlist_entries e
        WHERE e.campaign_id = $1 AND e.state = 'waiting' AND e.place < ($3::bigint << 44)) AS ahead_in_earlier_tiers,
       (SELECT count(*) FROM waitlist_entries e WHERE e.campaign_id = $1 AND e.state = 'waiting') AS waiting,
       (SELECT jsonb_build_object('tier', e.tier, 'arrival', e.arrival, 'drawn_position', e.drawn_position)
        FROM waitlist_entries e
        WHERE e.campaign_id = $1 AND e.state = 'waiting' AND e.place < $2 ORDER BY e.place DESC LIMIT 1) AS previous
