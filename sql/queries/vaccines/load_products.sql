-- Upsert the products. $1 ids, $2 vaccine codes, $3 names, $4 manufacturers, $5 vial sizes (doses), $6 prices (fen),
-- $7 certainties (parallel arrays).
INSERT INTO products AS p (product_id, vaccine_code, name, manufacturer, vial_size, price_fen, certainty)
SELECT * FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::integer[], $7::text[])
ON CONFLICT (product_id) DO UPDATE
SET vaccine_code = excluded.vaccine_code, name = excluded.name, manufacturer = excluded.manufacturer,
    vial_size = excluded.vial_size, price_fen = excluded.price_fen, certainty = excluded.certainty
WHERE (p.vaccine_code, p.name, p.manufacturer, p.vial_size, p.price_fen, p.certainty)
      IS DISTINCT FROM (excluded.vaccine_code, excluded.name, excluded.manufacturer, excluded.vial_size,
                        excluded.price_fen, excluded.certainty)
