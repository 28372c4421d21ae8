-- A campaign for scarce vaccine with doses of a clinic session of its own, where the demo city has none that is open.
-- Who registers is offered a dose within seconds; answers by campaign_id, or no row.
WITH made AS (
    INSERT INTO campaigns (title, vaccine_code, mode, state, opens_at, closes_at, eligible, tiers, offer_minutes, created_by,
                           published_at)
    SELECT '九价HPV疫苗登记', v.vaccine_code, 'queue', 'published', now(), now() + interval '30 days',
           '{"sex": "F", "from_months": 108, "below_months": 552}',
           '[{"label": "已接种过、待补种的", "from_doses": 1}, {"label": "以前登记过而没有轮到的", "waited_before": true},
             {"label": "其他登记人"}]', 120, 'demo', now()
    FROM vaccines v
    WHERE v.vaccine_code = 'HPV9'
      AND NOT EXISTS (SELECT FROM campaigns c WHERE c.created_by = 'demo' AND c.closes_at > now())
    RETURNING campaign_id, vaccine_code
), session AS (
    INSERT INTO clinic_sessions (origin_key, clinic_id, session_date, title, kind, origin, published_by)
    SELECT 'demo:campaign:' || m.campaign_id, k.clinic_id, (now() AT TIME ZONE 'Asia/Shanghai')::date + 7, '九价疫苗登记专场',
           'dedicated', 'demo', 'demo'
    FROM made m CROSS JOIN LATERAL (
        SELECT clinic_id FROM clinics WHERE origin = 'demo' AND 'adult' = ANY (kinds) ORDER BY clinic_id LIMIT 1) AS k
    RETURNING session_id, clinic_id, session_date
), opened AS (
    INSERT INTO windows (session_id, starts_at, ends_at, bookable_until, capacity)
    SELECT s.session_id, w.at, w.at + interval '30 minutes', w.at, 5
    FROM session s, generate_series(0, 3) AS n,
         LATERAL (SELECT (s.session_date + time '09:00') AT TIME ZONE 'Asia/Shanghai' + n * interval '30 minutes' AS at) AS w
    RETURNING window_id
), shared AS (
    INSERT INTO window_quotas (window_id, channel, quota, bookable_from) SELECT window_id, 'campaign', 5, now() FROM opened
), stocked AS (
    INSERT INTO session_stocks (session_id, product_id, vials, vial_size)
    SELECT s.session_id, p.product_id, 20, p.vial_size
    FROM session s, made m, LATERAL (
        SELECT product_id, vial_size FROM products WHERE vaccine_code = m.vaccine_code ORDER BY product_id LIMIT 1) AS p
    RETURNING stock_id
), brought AS (
    INSERT INTO campaign_releases (campaign_id, stock_id, session_id, clinic_id, doses, created_by)
    SELECT m.campaign_id, t.stock_id, s.session_id, s.clinic_id, 10, 'demo' FROM made m, stocked t, session s
)
SELECT campaign_id FROM made
