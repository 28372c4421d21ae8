-- Forget codes and login sessions that can no longer be used, and logins on devices that no rule can ask for (a year).
WITH codes AS (DELETE FROM login_codes WHERE created_at < now() - interval '2 days'),
devices AS (DELETE FROM device_accounts WHERE last_at < now() - interval '367 days')
DELETE FROM login_sessions WHERE expires_at < now() - interval '7 days'
