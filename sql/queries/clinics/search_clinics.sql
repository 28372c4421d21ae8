-- Clinics that residents see.  $1 district_code text  $2 vaccine_code text  $3 q text, lower case ('': all)
-- $4 latitude  $5 longitude (null: no distance)  $6 at_most integer  $7 offset integer
-- With a vaccine, only clinics that still have online places for it; free_places counts the smaller of places and doses.
WITH stocked AS MATERIALIZED (
    SELECT s.session_id, s.clinic_id, s.session_date,
           sum(CASE WHEN t.no_new_vial_from <= now()  -- only what is left of begun vials
                    THEN (t.vial_size - (t.held + t.booked) % t.vial_size) % t.vial_size ELSE t.free END) AS doses
    FROM clinic_sessions s JOIN session_stocks t USING (session_id) JOIN products p USING (product_id)
    WHERE $2::text IS NOT NULL AND p.vaccine_code = $2 AND t.free > 0 AND s.state = 'published' AND s.origin <> 'rehearsal'
      AND s.session_date >= (now() AT TIME ZONE 'Asia/Shanghai')::date
    GROUP BY s.session_id
), places AS (
    SELECT s.clinic_id, s.session_id, s.session_date, least(s.doses, sum(least(w.free, q.free))) AS free
    FROM stocked s JOIN windows w USING (session_id) JOIN window_quotas q ON q.window_id = w.window_id AND q.channel = 'h5'
    WHERE s.doses > 0 AND w.free > 0 AND q.free > 0 AND w.bookable_until > now() AND q.bookable_from <= now()
    GROUP BY s.clinic_id, s.session_id, s.session_date, s.doses
), available AS (
    SELECT clinic_id, sum(free)::integer AS free_places, min(session_date) AS next_date FROM places GROUP BY clinic_id
), found AS (
    SELECT k.clinic_id, k.name, k.pinyin, k.district_code, d.name AS district_name, k.address, k.phone, k.latitude,
           k.longitude, k.kinds, a.free_places, a.next_date,
           -- great-circle distance on a sphere of 6371 km: good to half a percent
           CASE WHEN $4::double precision IS NOT NULL THEN (12742000 * asin(least(1, sqrt(
               sin(radians(k.latitude - $4) / 2) ^ 2 + cos(radians($4)) * cos(radians(k.latitude))
               * sin(radians(k.longitude - $5::double precision) / 2) ^ 2))))::integer END AS distance_m
    FROM clinics k JOIN districts d USING (district_code) LEFT JOIN available a USING (clinic_id)
    WHERE NOT k.hidden AND ($1::text IS NULL OR k.district_code = $1)
      AND ($2::text IS NULL OR a.clinic_id IS NOT NULL)
      AND ($3 = '' OR position($3 IN lower(k.name)) > 0 OR position($3 IN k.pinyin) > 0
           OR position($3 IN k.pinyin_initials) > 0)
)
SELECT * FROM found ORDER BY distance_m NULLS LAST, district_code, pinyin, clinic_id LIMIT $6 OFFSET $7
