-- What became of some claims, each for an account that may act for its person; no row for anybody else's.
-- Parallel arrays: $1 account_ids uuid[]  $2 claim_ids uuid[]
SELECT r.n::integer AS n,
       jsonb_build_object('hold_id', c.claim_id, 'state', c.state,
                          'held_until', CASE WHEN c.state = 'held' THEN c.held_until END)::text AS answer
FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS r (account_id, claim_id, n)
     JOIN claims c ON c.claim_id = r.claim_id
WHERE EXISTS (SELECT FROM guardianships g
              WHERE g.account_id = r.account_id AND g.person_id = c.person_id AND g.ended_at IS NULL)
