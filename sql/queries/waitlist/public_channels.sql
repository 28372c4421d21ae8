-- Places of a campaign's clinic sessions by channel, and how many of them are taken.  $1 campaign_id bigint
SELECT r.release_id, q.channel, sum(q.quota)::integer AS places, sum(q.held + q.booked)::integer AS taken
FROM campaign_releases r JOIN windows w USING (session_id) JOIN window_quotas q USING (window_id)
WHERE r.campaign_id = $1
GROUP BY r.release_id, q.channel ORDER BY r.release_id, q.channel
