-- Tables to which every hold adds are vacuumed at a tenth of the usual pace. With checksums a vacuum logs each page that it
-- marks, whole: 40 MB a second into the log that commits wait for, for seconds, within minutes of a rush's beginning. At
-- 4 MB a second (a step marks ten pages) nobody notices it, and that is still some 20,000 rows a second.

CREATE FUNCTION vacuum_unhurriedly(growing regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s SET (autovacuum_vacuum_cost_delay = 20)', growing);
END $$;
COMMENT ON FUNCTION vacuum_unhurriedly IS 'has autovacuum rest 20 ms between its steps; a step marks ten pages';

-- A partitioned table takes no such setting: each partition is told, those to come when they are made.
SELECT vacuum_unhurriedly(growing) FROM (
    SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'audit_entries'::regclass
    UNION ALL SELECT unnest('{audit_links, claims, live_claims, idempotency_keys}'::regclass[])
) AS every_hold (growing);

CREATE OR REPLACE FUNCTION audit_make_partitions(months_ahead integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    month  date;
    name   text;
    made   integer := 0;
BEGIN
    FOR month IN SELECT generate_series(date_trunc('month', now()), date_trunc('month', now())
                                        + make_interval(months => months_ahead), '1 month')::date LOOP
        name := 'audit_entries_' || to_char(month, 'YYYYMM');
        IF to_regclass(name) IS NULL
           AND NOT EXISTS (SELECT FROM audit_entries_default
                           WHERE at >= month AND at < (month + interval '1 month')) THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF audit_entries FOR VALUES FROM (%L) TO (%L)',
                           name, month, (month + interval '1 month')::date);
            PERFORM vacuum_unhurriedly(name::regclass);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;
