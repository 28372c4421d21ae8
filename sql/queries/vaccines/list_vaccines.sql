-- Bookable vaccines with their series and products.  $1 q text, lower case ('': all)
SELECT v.vaccine_code, v.name_zh, v.name_en, v.kind, v.sex, v.min_age, v.max_age_exclusive,
       ARRAY(SELECT s.series FROM vaccine_series s WHERE s.vaccine_code = v.vaccine_code ORDER BY s.series) AS series,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('product_id', p.product_id, 'name', p.name,
                    'manufacturer', p.manufacturer, 'price_fen', p.price_fen) ORDER BY p.product_id), '[]')
        FROM products p WHERE p.vaccine_code = v.vaccine_code) AS products
FROM vaccines v
WHERE v.bookable
  AND ($1 = '' OR position($1 IN lower(v.name_zh)) > 0 OR starts_with(v.pinyin, $1) OR position($1 IN v.pinyin) > 0
       OR position($1 IN v.pinyin_initials) > 0 OR position($1 IN lower(v.vaccine_code)) > 0)
ORDER BY v.pinyin
