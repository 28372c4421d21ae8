-- Attribution: who changed what (audit chain), what was answered (idempotency), what must still be told (outbox).
--
-- Design
--   * Audit entries are append-only and written by the same transaction as the change (P8). Every statement that
--     changes claims writes its entries through a trigger, so a direct SQL writer is on record too.
--   * The chain runs in lanes, one per database backend in practice: a single chain would make every commit wait for
--     the one before. A link hashes the previous link of its lane and all entries of one write. audit_lanes keeps
--     each lane's head; `humiao audit verify` recomputes every link and names the first that does not fit.
--   * audit_entries is partitioned by month, with a default partition so that a missing month never stops a change.
--   * An idempotency row is written with the change it answers (P7), never for a refusal: a refusal changed nothing.
--     Rows are kept at least a day and swept later.
--   * Outbox rows are written with the change and sent by the worker (P9). Personal data in a payload is sealed.

CREATE TABLE audit_entries (
    at             timestamptz NOT NULL,
    lane           smallint NOT NULL,
    seq            bigint NOT NULL,
    n              integer NOT NULL,
    actor          text NOT NULL,      -- account:<id>, staff:<id>, worker, sql
    source         text NOT NULL,      -- where from: h5, desk, interop, worker, …
    action         text NOT NULL,
    subject        text NOT NULL,      -- claim:<id>, window:<id>, …
    reason         text,
    detail         jsonb NOT NULL,
    database_user  text NOT NULL
) PARTITION BY RANGE (at);
-- No primary key: it would cost every booking an index write, and a doubled or missing entry breaks its link's hash.
CREATE INDEX audit_entries_by_subject ON audit_entries (subject, at);
CREATE TABLE audit_entries_default PARTITION OF audit_entries DEFAULT;

CREATE TABLE audit_links (
    lane      smallint NOT NULL,
    seq       bigint NOT NULL,
    at        timestamptz NOT NULL,
    entries   integer NOT NULL CHECK (entries > 0),
    previous  bytea NOT NULL,
    hash      bytea NOT NULL,
    PRIMARY KEY (lane, seq)
);
CREATE TABLE audit_lanes (
    lane  smallint PRIMARY KEY,
    seq   bigint NOT NULL,
    head  bytea NOT NULL
);

CREATE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'HM002';
END $$;
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER audit_links_append_only BEFORE UPDATE OR DELETE ON audit_links
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

-- One line of the digest: every column that must not change, separated by U+001F. Instants in microseconds.
-- Stable, not immutable: only so is it folded into the statement that calls it (twenty times faster).
CREATE FUNCTION audit_line(n integer, at timestamptz, actor text, source text, action text, subject text,
                           reason text, detail jsonb, database_user text)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT n || E'\x1f' || (extract(epoch FROM at) * 1000000)::bigint || E'\x1f' || actor || E'\x1f' || source
        || E'\x1f' || action || E'\x1f' || subject || E'\x1f' || coalesce(reason, '') || E'\x1f' || detail::text
        || E'\x1f' || database_user
$$;

-- Append entries (parallel arrays, equal length) as one link of this backend's lane.
CREATE FUNCTION audit_write(actors text[], sources text[], actions text[], subjects text[], reasons text[],
                            details jsonb[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    my_lane   smallint := pg_backend_pid() % 1024;
    my_at     timestamptz := statement_timestamp();
    my_seq    bigint;
    my_head   bytea;
    my_hash   bytea;
BEGIN
    IF coalesce(cardinality(actors), 0) = 0 THEN
        RETURN;
    END IF;
    INSERT INTO audit_lanes (lane, seq, head) VALUES (my_lane, 0, ''::bytea) ON CONFLICT DO NOTHING;
    SELECT l.seq + 1, l.head INTO my_seq, my_head FROM audit_lanes l WHERE l.lane = my_lane FOR UPDATE;
    WITH entry AS (
        SELECT * FROM unnest(actors, sources, actions, subjects, reasons, details) WITH ORDINALITY
            AS e (actor, source, action, subject, reason, detail, n)
    ), written AS (
        INSERT INTO audit_entries (at, lane, seq, n, actor, source, action, subject, reason, detail, database_user)
        SELECT my_at, my_lane, my_seq, n, actor, source, action, subject, reason, detail, session_user FROM entry
    )
    SELECT sha256(my_head || convert_to(string_agg(
               audit_line(n::integer, my_at, actor, source, action, subject, reason, detail, session_user),
               E'\x1e' ORDER BY n), 'UTF8'))
    INTO my_hash FROM entry;
    INSERT INTO audit_links (lane, seq, at, entries, previous, hash)
    VALUES (my_lane, my_seq, my_at, cardinality(actors), my_head, my_hash);
    UPDATE audit_lanes SET seq = my_seq, head = my_hash WHERE lane = my_lane;
END $$;

-- Make the monthly partitions from this month to `months_ahead` months later.
CREATE FUNCTION audit_make_partitions(months_ahead integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    month  date;
    made   integer := 0;
BEGIN
    FOR month IN SELECT generate_series(date_trunc('month', now()), date_trunc('month', now())
                                        + make_interval(months => months_ahead), '1 month')::date LOOP
        IF to_regclass('audit_entries_' || to_char(month, 'YYYYMM')) IS NULL
           AND NOT EXISTS (SELECT FROM audit_entries_default
                           WHERE at >= month AND at < (month + interval '1 month')) THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF audit_entries FOR VALUES FROM (%L) TO (%L)',
                           'audit_entries_' || to_char(month, 'YYYYMM'), month, (month + interval '1 month')::date);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;
SELECT audit_make_partitions(2);

CREATE TABLE idempotency_keys (
    actor       text COLLATE "C" NOT NULL,     -- account:<id> or staff:<id>
    key         text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 8 AND 64),
    operation   text NOT NULL,
    body_hash   bytea NOT NULL,
    answer      jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (actor, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys USING brin (created_at);

CREATE TABLE outbox_messages (
    message_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic           text NOT NULL,
    subject         text NOT NULL,
    payload         jsonb NOT NULL DEFAULT '{}',
    payload_sealed  bytea,
    created_at      timestamptz NOT NULL DEFAULT now(),
    next_try_at     timestamptz NOT NULL DEFAULT now(),
    tries           smallint NOT NULL DEFAULT 0,
    sent_at         timestamptz,
    failed_at       timestamptz,
    last_error      text,
    CHECK (num_nonnulls(sent_at, failed_at) <= 1)
);
CREATE INDEX outbox_messages_waiting ON outbox_messages (next_try_at) WHERE sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX outbox_messages_by_subject ON outbox_messages (subject);
