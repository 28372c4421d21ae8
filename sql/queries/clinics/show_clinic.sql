-- One clinic that residents see, with the vaccines it stocks in the coming days.  $1 clinic_id integer  $2 days integer
SELECT k.clinic_id, k.name, k.district_code, d.name AS district_name, k.address, k.phone, k.latitude, k.longitude,
       k.kinds, k.opening_hours,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('vaccine_code', v.vaccine_code, 'name', v.name_zh) ORDER BY v.pinyin), '[]')
        FROM vaccines v WHERE v.vaccine_code IN (
            SELECT p.vaccine_code
            FROM clinic_sessions s JOIN session_stocks t USING (session_id) JOIN products p USING (product_id)
            WHERE s.clinic_id = k.clinic_id AND s.state = 'published'
              AND s.session_date BETWEEN (now() AT TIME ZONE 'Asia/Shanghai')::date
                                     AND (now() AT TIME ZONE 'Asia/Shanghai')::date + $2::integer)) AS vaccines
FROM clinics k JOIN districts d USING (district_code)
WHERE k.clinic_id = $1 AND NOT k.hidden
