-- Everything the cache keeps of some clinic sessions, with a generation newer than any load before.
-- $1 session_ids bigint[]
WITH risen AS (
    UPDATE clinic_sessions SET cache_generation = cache_generation + 1
    WHERE session_id = ANY ($1::bigint[])
    RETURNING session_id, cache_generation, state
)
SELECT r.session_id, r.cache_generation, r.state,
       (SELECT jsonb_agg(jsonb_build_array(w.window_id, w.version, w.free,
                                           (extract(epoch FROM w.bookable_until) * 1000)::bigint) ORDER BY w.window_id)
        FROM windows w WHERE w.session_id = r.session_id)::text AS windows,
       (SELECT jsonb_agg(jsonb_build_array(q.window_id, q.channel, q.version, q.free,
                                           (extract(epoch FROM q.bookable_from) * 1000)::bigint)
                         ORDER BY q.window_id, q.channel)
        FROM window_quotas q JOIN windows w USING (window_id) WHERE w.session_id = r.session_id)::text AS quotas,
       (SELECT jsonb_agg(jsonb_build_array(s.stock_id, s.version, s.free, s.vial_size,
                                           (extract(epoch FROM s.no_new_vial_from) * 1000)::bigint)
                         ORDER BY s.stock_id)
        FROM session_stocks s WHERE s.session_id = r.session_id)::text AS stocks
FROM risen r ORDER BY r.session_id
