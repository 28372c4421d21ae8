-- Sessions of a clinic with stock and windows as residents see them; the state by the database's clock.
-- Free doses are those of begun vials once no vial is to be opened any more.
-- $1 clinic_id integer  $2 date_from date  $3 date_to date  $4 vaccine_code text (null: any)
SELECT s.session_id, s.session_date, s.title, s.kind,
       (SELECT jsonb_agg(jsonb_build_object('stock_id', t.stock_id, 'product_id', t.product_id, 'product_name', p.name,
                   'vaccine_code', v.vaccine_code, 'vaccine_name', v.name_zh, 'price_fen', p.price_fen,
                   'free', CASE WHEN t.no_new_vial_from <= now()
                                THEN (t.vial_size - (t.held + t.booked) % t.vial_size) % t.vial_size ELSE t.free END)
                   ORDER BY v.pinyin, t.stock_id)
        FROM session_stocks t JOIN products p USING (product_id) JOIN vaccines v USING (vaccine_code)
        WHERE t.session_id = s.session_id AND ($4::text IS NULL OR p.vaccine_code = $4)) AS stocks,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('window_id', w.window_id, 'starts_at', w.starts_at,
                   'ends_at', w.ends_at, 'capacity', w.capacity, 'free', greatest(0, least(w.free, coalesce(q.free, 0))),
                   'bookable_from', q.bookable_from,
                   'state', CASE WHEN s.state <> 'published' OR q.window_id IS NULL THEN 'closed'
                                 WHEN w.bookable_until <= now() THEN 'ended'
                                 WHEN q.bookable_from > now() THEN 'not_yet'
                                 WHEN least(w.free, q.free) <= 0 THEN 'full' ELSE 'open' END)
                   ORDER BY w.starts_at), '[]')
        FROM windows w LEFT JOIN window_quotas q ON q.window_id = w.window_id AND q.channel = 'h5'
        WHERE w.session_id = s.session_id) AS windows
FROM clinic_sessions s
WHERE s.clinic_id = $1 AND s.session_date BETWEEN $2 AND $3 AND s.origin <> 'rehearsal'
  AND EXISTS (SELECT FROM session_stocks t JOIN products p USING (product_id)
              WHERE t.session_id = s.session_id AND ($4::text IS NULL OR p.vaccine_code = $4))
ORDER BY s.session_date, s.session_id
