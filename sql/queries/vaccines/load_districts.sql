-- Upsert the districts. $1 codes, $2 names, $3 pinyin, $4 latitudes, $5 longitudes (parallel arrays).
INSERT INTO districts AS d (district_code, name, pinyin, latitude, longitude)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::float8[])
ON CONFLICT (district_code) DO UPDATE
SET name = excluded.name, pinyin = excluded.pinyin, latitude = excluded.latitude, longitude = excluded.longitude
WHERE (d.name, d.pinyin, d.latitude, d.longitude)
      IS DISTINCT FROM (excluded.name, excluded.pinyin, excluded.latitude, excluded.longitude)
