-- A clinic session with its windows, quotas and stock, as staff see it.  $1 session_id bigint
SELECT s.session_id, s.clinic_id, k.name AS clinic_name, k.district_code, s.session_date, s.title, s.kind, s.state,
       s.published_at, s.closed_at,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'window_id', w.window_id, 'starts_at', w.starts_at, 'ends_at', w.ends_at,
                   'bookable_until', w.bookable_until, 'capacity', w.capacity, 'held', w.held, 'booked', w.booked,
                   'free', w.free, 'version', w.version,
                   'quotas', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                  'channel', q.channel, 'quota', q.quota, 'bookable_from', q.bookable_from,
                                  'held', q.held, 'booked', q.booked, 'free', q.free, 'version', q.version)
                                  ORDER BY q.channel), '[]') FROM window_quotas q WHERE q.window_id = w.window_id))
                   ORDER BY w.starts_at), '[]')
        FROM windows w WHERE w.session_id = s.session_id) AS windows,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'stock_id', t.stock_id, 'product_id', t.product_id, 'product_name', p.name,
                   'vaccine_code', p.vaccine_code, 'vials', t.vials, 'vial_size', t.vial_size,
                   'no_new_vial_from', t.no_new_vial_from, 'held', t.held, 'booked', t.booked, 'free', t.free,
                   'version', t.version) ORDER BY t.stock_id), '[]')
        FROM session_stocks t JOIN products p USING (product_id) WHERE t.session_id = s.session_id) AS stocks
FROM clinic_sessions s JOIN clinics k USING (clinic_id)
WHERE s.session_id = $1
