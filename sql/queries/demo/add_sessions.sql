-- Publish generated sessions that are not there yet and return those. $1 origin keys, $2 clinic ids, $3 dates,
-- $4 titles, $5 kinds (parallel arrays).
WITH made AS (
    INSERT INTO clinic_sessions (origin_key, clinic_id, session_date, title, kind, origin, published_by)
    SELECT origin_key, clinic_id, session_date, title, kind, 'demo', 'demo'
    FROM unnest($1::text[], $2::integer[], $3::date[], $4::text[], $5::text[])
         AS e (origin_key, clinic_id, session_date, title, kind)
    ON CONFLICT (origin_key) DO NOTHING
    RETURNING session_id, origin_key
), audited AS MATERIALIZED (
    SELECT audit_write(array_agg('demo'::text), array_agg('demo'::text), array_agg('session.published'::text),
                       array_agg('session:' || session_id), array_agg(NULL::text),
                       array_agg(jsonb_build_object('origin_key', origin_key)))
    FROM made
)
SELECT session_id, origin_key FROM made CROSS JOIN audited
