-- Forget codes and login sessions that can no longer be used.
WITH codes AS (DELETE FROM login_codes WHERE created_at < now() - interval '2 days')
DELETE FROM login_sessions WHERE expires_at < now() - interval '7 days'
