-- End a certificate, once; null where it has ended already.
-- $1 certificate_id uuid  $2 reason text  $3 revoked_by text  $4 revoked_from text
INSERT INTO certificate_revocations (certificate_id, reason, revoked_by, revoked_from) VALUES ($1, $2, $3, $4)
ON CONFLICT (certificate_id) DO NOTHING RETURNING certificate_id
