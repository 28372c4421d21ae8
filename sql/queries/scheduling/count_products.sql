-- How many of these products exist.  $1 product_ids integer[]
SELECT count(*) FROM products WHERE product_id = ANY ($1::integer[])
