-- Forget the skips of rounds whose day is long over, a thousand rounds at once; how many they were stays with the round.
WITH old AS (
    SELECT o.round_id
    FROM offer_rounds o JOIN campaign_releases r USING (release_id) JOIN clinic_sessions s USING (session_id)
         JOIN retentions k ON k.what = 'offer_skips'
    WHERE o.skips_forgotten IS NULL AND s.session_date < (now() AT TIME ZONE 'Asia/Shanghai')::date - k.keep_days
    ORDER BY o.round_id LIMIT 1000 FOR NO KEY UPDATE OF o SKIP LOCKED
), gone AS (
    DELETE FROM offer_skips k USING old WHERE k.round_id = old.round_id RETURNING k.round_id
)
UPDATE offer_rounds o SET skips_forgotten = (SELECT count(*) FROM gone WHERE gone.round_id = o.round_id)
FROM old WHERE o.round_id = old.round_id
