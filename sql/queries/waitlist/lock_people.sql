-- Lock people as holds do, in one order: who has a live claim cannot change until this transaction ends.  $1 person_ids uuid[]
SELECT count(pg_advisory_xact_lock(hashtextextended(person_id::text, 0)))
FROM (SELECT DISTINCT person_id FROM unnest($1::uuid[]) AS p (person_id) ORDER BY person_id) AS ordered
