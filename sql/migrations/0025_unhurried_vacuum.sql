-- Autovacuum keeps out of the way of a rush. With checksums it logs each page that it marks, whole: 40 MB a second into
-- the log that commits wait for, for seconds, within minutes of the first hold. New statistics have the writers plan
-- their statements anew, with everybody waiting.
--
-- Design, for the tables to which every hold adds a row
--   * They are vacuumed at a tenth of the usual pace. 4 MB a second, which nobody notices, is some 20,000 rows.
--   * Additions bring a vacuum, and new statistics, about after a million of them, on top of the usual share of the
--     table. Dead rows bring a vacuum as ever.
--   * Statistics matter for claims alone, the others are read by their keys: those of claims are renewed every night.

CREATE FUNCTION vacuum_unhurriedly(growing regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s SET (autovacuum_vacuum_cost_delay = 20, '
                   'autovacuum_vacuum_insert_threshold = 1000000, autovacuum_analyze_threshold = 1000000)', growing);
END $$;
COMMENT ON FUNCTION vacuum_unhurriedly IS 'for a table to which every hold adds a row';

-- A partitioned table takes no such setting: each partition is told, those to come when they are made.
SELECT vacuum_unhurriedly(growing) FROM (
    SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'audit_entries'::regclass
    UNION ALL SELECT unnest('{audit_links, claims, live_claims, idempotency_keys}'::regclass[])
) AS added_to (growing);

-- Renew the statistics of claims where it is night in the city and they are of the day before.
CREATE FUNCTION analyze_claims_by_night(at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF extract(hour FROM at AT TIME ZONE 'Asia/Shanghai') NOT BETWEEN 2 AND 4
       OR EXISTS (SELECT FROM pg_stat_user_tables
                  WHERE relid = 'claims'::regclass
                    AND greatest(last_analyze, last_autoanalyze) > at - interval '20 hours') THEN
        RETURN false;
    END IF;
    ANALYZE claims;
    RETURN true;
END $$;
COMMENT ON FUNCTION analyze_claims_by_night IS 'true where it did; at night, once';

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
