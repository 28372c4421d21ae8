-- A hidden clinic with one session of one window, for a rehearsal. Its vaccine is IIV4, which every adult may book.
-- $1 places integer  $2 starts_at timestamptz  $3 label text  $4 channel text  $5 bookable_from timestamptz (null: now)
WITH clinic AS (
    INSERT INTO clinics (clinic_id, clinic_code, district_code, name, pinyin, pinyin_initials, address, phone, latitude,
                         longitude, opening_hours, kinds, hidden, origin)
    SELECT 2000000000 + (('x' || $3::text)::bit(32)::bigint & 134217727)::integer, 'rehearsal-' || $3,
           min(district_code), '演练门诊 ' || $3, 'yanlian', 'yl', '演练', '-', 31.2, 121.4, '{}', '{adult}', true,
           'rehearsal' FROM districts
    RETURNING clinic_id
), session AS (
    INSERT INTO clinic_sessions (clinic_id, session_date, title, published_by, origin)
    SELECT clinic_id, ($2::timestamptz AT TIME ZONE 'Asia/Shanghai')::date, '抢号演练', 'rehearsal', 'rehearsal' FROM clinic
    RETURNING session_id
), made AS (
    INSERT INTO windows (session_id, starts_at, ends_at, bookable_until, capacity)
    SELECT session_id, $2, $2 + interval '30 minutes', $2, $1 FROM session RETURNING session_id, window_id
), quota AS (
    INSERT INTO window_quotas (window_id, channel, quota, bookable_from) SELECT window_id, $4, $1, coalesce($5, now())
    FROM made
), stock AS (
    INSERT INTO session_stocks (session_id, product_id, vials, vial_size)
    SELECT session_id, (SELECT min(product_id) FROM products WHERE vaccine_code = 'IIV4'), $1, 1 FROM session
    RETURNING stock_id
)
SELECT session_id, window_id, (SELECT stock_id FROM stock) AS stock_id, 'IIV4' AS vaccine_code FROM made
