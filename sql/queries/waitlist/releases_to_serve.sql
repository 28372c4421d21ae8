-- Releases that may have doses for somebody who waits, of campaigns that make offers now.
-- (a queue makes offers from its publication on, a draw once it is drawn)
SELECT r.release_id, r.campaign_id
FROM campaign_releases r JOIN campaigns c USING (campaign_id) JOIN session_stocks s USING (stock_id)
     JOIN clinic_sessions n ON n.session_id = r.session_id
WHERE NOT c.paused AND ((c.mode = 'queue' AND c.state IN ('published', 'closed')) OR c.state = 'drawn')
  AND (c.mode = 'draw' OR c.opens_at <= now())
  AND n.state = 'published' AND s.free > 0
  AND r.doses > (SELECT count(*) FROM offers o WHERE o.release_id = r.release_id AND o.takes_dose)
  AND EXISTS (SELECT FROM windows w JOIN window_quotas q ON q.window_id = w.window_id AND q.channel = 'campaign'
              WHERE w.session_id = r.session_id AND w.free > 0 AND q.free > 0
                AND w.bookable_until > now() + interval '10 minutes')
  AND EXISTS (SELECT FROM waitlist_entries e WHERE e.campaign_id = r.campaign_id AND e.state = 'waiting'
                                               AND (r.leftover_of IS NULL OR e.standby_district IS NOT NULL)
                                               AND (e.clinics = '{}' OR r.clinic_id = ANY (e.clinics)))
ORDER BY r.release_id
