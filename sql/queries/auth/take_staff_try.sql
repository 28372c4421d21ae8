-- Count a password try before the password is judged; the try that reaches the limit locks.
-- $1 username text  $2 tries integer  $3 lock_s integer
-- No row: unknown, locked or not active. A lock that has ended starts the count again.
UPDATE staff
SET failures = CASE WHEN locked_until IS NULL THEN failures + 1 ELSE 1 END,
    locked_until = CASE WHEN locked_until IS NULL AND failures + 1 >= $2::integer
                        THEN statement_timestamp() + make_interval(secs => $3::integer) END
WHERE username = $1 AND status = 'active' AND (locked_until IS NULL OR locked_until <= statement_timestamp())
RETURNING staff_id, display_name, password_digest, role, clinic_id, district_code, locked_until
