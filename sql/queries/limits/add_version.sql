-- The next version of a rule; its number is given by the table.
-- $1 code text  $2 kind text  $3 series text  $4 most integer  $5 within_days integer  $6 pause_days integer
-- $7 before_minutes integer  $8 effective_from date (null: today)  $9 effective_until date  $10 text_zh text
-- $11 active boolean  $12 reason text  $13 changed_by text  $14 changed_from text  $15 districts text[]  $16 basis text
INSERT INTO claim_limits (code, version, kind, series, most, within_days, pause_days, before_minutes, effective_from,
                          effective_until, text_zh, active, reason, changed_by, changed_from, districts,
                          basis)
VALUES ($1, 1, $2, $3, $4, $5, $6, $7,
        coalesce($8, (statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date), $9, $10, $11, $12, $13, $14, $15, $16)
RETURNING version
