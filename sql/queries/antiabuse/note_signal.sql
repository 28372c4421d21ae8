-- Note something for a reviewer: one row a day for a kind and subject, with the newest reason.
-- $1 kind text  $2 scope text  $3 subject bytea  $4 label text, masked  $5 reason text
INSERT INTO velocity_signals (kind, scope, subject, label, reason) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (kind, scope, subject, day) DO UPDATE
SET seen = velocity_signals.seen + 1, last_at = now(), label = EXCLUDED.label, reason = EXCLUDED.reason
