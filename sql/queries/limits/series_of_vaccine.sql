-- $1 vaccine_code text
SELECT series FROM vaccine_series WHERE vaccine_code = $1
