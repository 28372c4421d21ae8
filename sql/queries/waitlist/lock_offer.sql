-- Lock the claim of an offer to a person the account may act for.  $1 account_id uuid  $2 offer_id uuid  $3 grace_ms integer
-- open: still to be answered;  late: its deadline and grace have passed, by the database's clock.
SELECT t.claim_id, t.state::text AS claim_state, t.window_id, t.channel, t.stock_id, t.change_reason, r.session_id,
       t.held_until + make_interval(secs => $3::integer / 1000.0) < clock_timestamp() AS late
FROM claims t JOIN offers o ON o.offer_id = t.claim_id JOIN campaign_releases r USING (release_id)
WHERE t.claim_id = $2 AND EXISTS (SELECT FROM guardianships g WHERE g.account_id = $1 AND g.person_id = t.person_id
                                                            AND g.ended_at IS NULL)
FOR NO KEY UPDATE OF t
