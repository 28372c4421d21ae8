-- What a rush may not leave behind; every column must be 0.
-- $1 session_id bigint  $2 told_people uuid[]  $3 told_holds uuid[] (parallel: who was told of which hold)
WITH mine AS (SELECT c.* FROM claims c JOIN windows w USING (window_id) WHERE w.session_id = $1),
taking AS (SELECT * FROM mine WHERE counts_as_held(state) OR counts_as_booked(state)),
counters AS (   -- what each counter says, and how many claims it counts
    SELECT held + booked AS says, capacity AS at_most,
           (SELECT count(*) FROM taking t WHERE t.window_id = w.window_id) AS counts
    FROM windows w WHERE session_id = $1
    UNION ALL
    SELECT q.held + q.booked, quota,
           (SELECT count(*) FROM taking t WHERE t.window_id = q.window_id AND t.channel = q.channel)
    FROM window_quotas q JOIN windows w USING (window_id) WHERE w.session_id = $1
    UNION ALL
    SELECT held + booked, vials * vial_size, (SELECT count(*) FROM taking t WHERE t.stock_id = s.stock_id)
    FROM session_stocks s WHERE session_id = $1
)
SELECT (SELECT count(*) FROM counters WHERE says > at_most OR counts > at_most) AS oversold,
       (SELECT coalesce(sum(abs(says - counts)), 0) FROM counters) AS drifted,
       (SELECT count(*) FROM (SELECT FROM mine WHERE is_live(state) GROUP BY person_id HAVING count(*) > 1) d) AS doubled,
       (SELECT count(*) FROM unnest($2::uuid[], $3::uuid[]) AS told (person_id, claim_id)
            WHERE NOT EXISTS (SELECT FROM mine m WHERE m.claim_id = told.claim_id AND m.person_id = told.person_id
                              AND is_live(m.state))) AS lost,
       (SELECT count(*) FROM mine WHERE is_live(state) AND person_id <> ALL ($2::uuid[])) AS held_untold
