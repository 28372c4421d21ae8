-- Clinic days that already have generated sessions. $1 first day, $2 last day (inclusive).
SELECT DISTINCT clinic_id, session_date
FROM clinic_sessions
WHERE origin = 'demo' AND session_date BETWEEN $1 AND $2
