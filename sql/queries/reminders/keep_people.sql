-- Keep what was worked out where nothing changed meanwhile; returns who was kept.
-- $1 person_ids uuid[]  $2 versions bigint[]  $3 worked_on date[]  $4 edition_ids text[]  $5 stale_from date[]
-- A row that somebody is changing is left alone, for it is stale again; so nobody who writes records waits for two of
-- these rows in another order.
WITH kept AS (
    SELECT d.person_id, w.worked_on, w.edition_id, w.stale_from
    FROM unnest($1::uuid[], $2::bigint[], $3::date[], $4::text[], $5::date[])
         AS w (person_id, version, worked_on, edition_id, stale_from)
         JOIN due_people d ON d.person_id = w.person_id AND d.version = w.version
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE due_people d SET worked_on = k.worked_on, edition_id = k.edition_id, stale_from = k.stale_from
FROM kept k WHERE d.person_id = k.person_id
RETURNING d.person_id
