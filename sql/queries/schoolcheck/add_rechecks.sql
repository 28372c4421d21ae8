-- Keep the next versions of verdicts, and the deadlines that follow from them.
-- $1 check_ids uuid[]  $2 nths smallint[]  $3 checked_on date  $4 edition_id text  $5 results text[]
-- $6 missing text[] (JSON)  $7 recheck_by date[]
WITH found AS (
    SELECT * FROM unnest($1::uuid[], $2::smallint[], $5::text[], $6::text[], $7::date[])
                  AS one (check_id, nth, result, missing, recheck_by)
), ended AS (
    DELETE FROM school_deadlines d USING found f
    WHERE d.check_id = f.check_id AND d.nth = f.nth AND f.recheck_by IS NULL
), moved AS (
    INSERT INTO school_deadlines (check_id, nth, recheck_by)
    SELECT f.check_id, f.nth, f.recheck_by FROM found f WHERE f.recheck_by IS NOT NULL
    ON CONFLICT (check_id, nth) DO UPDATE SET recheck_by = excluded.recheck_by
)
INSERT INTO school_rechecks (check_id, nth, version, checked_on, edition_id, result, missing, recheck_by)
SELECT f.check_id, f.nth,
       2 + (SELECT count(*) FROM school_rechecks r WHERE r.check_id = f.check_id AND r.nth = f.nth),
       $3, $4, f.result, f.missing::jsonb, f.recheck_by
FROM found f
