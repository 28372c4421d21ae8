-- Forget spent challenges that have expired, counters of windows that are over, signals older than ninety days.
WITH challenges AS (DELETE FROM spent_challenges WHERE expires_at < now() - interval '1 hour'),
     counters AS (DELETE FROM velocity_counters
                  WHERE started_at + make_interval(secs => window_s) < now() - interval '1 day')
DELETE FROM velocity_signals WHERE last_at < now() - interval '90 days'
