-- Upsert the demo clinics. $1 ids, $2 codes, $3 districts, $4 names, $5 pinyin, $6 initials, $7 addresses, $8 phones,
-- $9 latitudes, $10 longitudes, $11 opening hours as JSON text, $12 kinds separated by commas (parallel arrays).
INSERT INTO clinics AS c (clinic_id, clinic_code, district_code, name, pinyin, pinyin_initials, address, phone,
                          latitude, longitude, opening_hours, kinds, origin)
SELECT clinic_id, code, district, name, pinyin, initials, address, phone, latitude, longitude, hours::jsonb,
       string_to_array(kinds, ','), 'demo'
FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::float8[], $10::float8[], $11::text[], $12::text[])
     AS e (clinic_id, code, district, name, pinyin, initials, address, phone, latitude, longitude, hours, kinds)
ON CONFLICT (clinic_id) DO UPDATE
SET clinic_code = excluded.clinic_code, district_code = excluded.district_code, name = excluded.name,
    pinyin = excluded.pinyin, pinyin_initials = excluded.pinyin_initials, address = excluded.address,
    phone = excluded.phone, latitude = excluded.latitude, longitude = excluded.longitude,
    opening_hours = excluded.opening_hours, kinds = excluded.kinds
WHERE c.origin = 'demo'
  AND (c.clinic_code, c.district_code, c.name, c.pinyin, c.pinyin_initials, c.address, c.phone, c.latitude,
       c.longitude, c.opening_hours, c.kinds)
      IS DISTINCT FROM (excluded.clinic_code, excluded.district_code, excluded.name, excluded.pinyin,
                        excluded.pinyin_initials, excluded.address, excluded.phone, excluded.latitude,
                        excluded.longitude, excluded.opening_hours, excluded.kinds)
