-- What reviewers are shown, newest first.  $1 days integer: how far back  $2 at_most integer
SELECT signal_id, kind, scope, label, reason, seen, first_at, last_at
FROM velocity_signals WHERE last_at > now() - make_interval(days => $1::integer)
ORDER BY last_at DESC, signal_id DESC LIMIT $2
