-- One audit entry in the transaction of the change.
-- $1 actor text  $2 source text  $3 action text  $4 subject text  $5 reason text  $6 detail text (JSON)
SELECT audit_write(ARRAY[$1::text], ARRAY[$2::text], ARRAY[$3::text], ARRAY[$4::text], ARRAY[$5::text],
                   ARRAY[$6::text::jsonb])
