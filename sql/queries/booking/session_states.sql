-- Everything the cache keeps of some clinic sessions; what residents are shown comes from this when the cache is away.
-- $1 session_ids bigint[]
SELECT s.session_id, s.cache_generation, s.state,
       (SELECT jsonb_agg(jsonb_build_array(w.window_id, w.version, w.free,
                                           (extract(epoch FROM w.bookable_until) * 1000)::bigint) ORDER BY w.window_id)
        FROM windows w WHERE w.session_id = s.session_id)::text AS windows,
       (SELECT jsonb_agg(jsonb_build_array(q.window_id, q.channel, q.version, q.free,
                                           (extract(epoch FROM q.bookable_from) * 1000)::bigint)
                         ORDER BY q.window_id, q.channel)
        FROM window_quotas q JOIN windows w USING (window_id) WHERE w.session_id = s.session_id)::text AS quotas,
       (SELECT jsonb_agg(jsonb_build_array(t.stock_id, t.version, t.free, t.vial_size,
                                           (extract(epoch FROM t.no_new_vial_from) * 1000)::bigint)
                         ORDER BY t.stock_id)
        FROM session_stocks t WHERE t.session_id = s.session_id)::text AS stocks
FROM clinic_sessions s WHERE s.session_id = ANY ($1::bigint[]) ORDER BY s.session_id
