-- The first answers already given to some keys. Parallel arrays: $1 actors text[]  $2 keys text[]
SELECT r.n::integer AS n, k.operation, k.body_hash, k.answer::text AS answer
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS r (actor, key, n)
     CROSS JOIN LATERAL (
         SELECT i.operation, i.body_hash, i.answer FROM idempotency_keys i
         WHERE i.actor = r.actor AND i.key = r.key LIMIT 1) AS k
