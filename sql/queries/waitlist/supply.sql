-- What a campaign has got and given so far.  $1 campaign_id bigint
SELECT coalesce(sum(r.doses), 0)::integer AS doses,
       coalesce(sum(f.taking), 0)::integer AS taking, coalesce(sum(f.open), 0)::integer AS open_offers,
       coalesce(sum(f.accepted), 0)::integer AS accepted, coalesce(sum(f.ended), 0)::integer AS offers_ended,
       (SELECT count(*)::integer FROM waitlist_entries e WHERE e.campaign_id = $1 AND e.state = 'waiting') AS waiting
FROM campaign_releases r
     CROSS JOIN LATERAL (
         SELECT count(*) FILTER (WHERE o.takes_dose) AS taking, count(*) FILTER (WHERE o.state = 'open') AS open,
                count(*) FILTER (WHERE o.state = 'accepted' AND NOT o.standby) AS accepted,
                count(*) FILTER (WHERE o.state <> 'open' AND NOT o.standby) AS ended
         FROM offers o WHERE o.release_id = r.release_id) AS f
WHERE r.campaign_id = $1
