-- A certificate by its number.  $1 number text
SELECT certificate_id FROM certificates WHERE number = $1
