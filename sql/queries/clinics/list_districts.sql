-- All districts in code order.
SELECT district_code, name FROM districts ORDER BY district_code
