-- What a rush may not leave behind; every column must be 0.
-- $1 session_id bigint  $2 told_people uuid[]  $3 told_holds uuid[] (parallel: who was told of which hold)
SELECT (SELECT count(*) FROM windows w JOIN window_quotas q USING (window_id) WHERE w.session_id = $1
            AND (w.held + w.booked > w.capacity OR q.held + q.booked > q.quota)) AS oversold,
       (SELECT coalesce(sum(abs(w.held + w.booked - (SELECT count(*) FROM claims c WHERE c.window_id = w.window_id
            AND (counts_as_held(state) OR counts_as_booked(state))))), 0) FROM windows w WHERE session_id = $1) AS drifted,
       (SELECT count(*) FROM (SELECT FROM claims JOIN windows USING (window_id) WHERE session_id = $1 AND is_live(state)
            GROUP BY person_id HAVING count(*) > 1) d) AS doubled,
       (SELECT count(*) FROM unnest($2::uuid[], $3::uuid[]) AS told (person_id, claim_id)
            WHERE NOT EXISTS (SELECT FROM claims c WHERE c.claim_id = told.claim_id AND c.person_id = told.person_id
                              AND is_live(c.state))) AS lost,
       (SELECT count(*) FROM claims JOIN windows USING (window_id)
            WHERE session_id = $1 AND is_live(state) AND person_id <> ALL ($2::uuid[])) AS held_untold
