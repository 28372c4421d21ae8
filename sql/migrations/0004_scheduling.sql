-- Scheduling: clinic sessions, their windows, channel quotas and vaccine stock.
--
-- Design
--   * Three kinds of counter, one shape: a limit, how much of it is held, how much booked, and a version.
--     windows.capacity, window_quotas.quota (a channel's share), session_stocks.vials x vial_size (doses).
--   * P1 lives here: CHECK (held + booked <= limit) on each. `free` is derived by the database, never written.
--   * held and booked follow the rows of `claims` (see 0005): a trigger moves them, and a direct write is refused, so
--     they cannot drift from what they count.
--   * version rises with every change of the row. The cache copies (version, free) and keeps the newer; it never adds.
--   * Whole-vial rule: stock is counted in whole vials. Doses fill vials in order, so begun vials = ceil(taken /
--     vial_size). From `no_new_vial_from` on, a vial that nobody has begun stays closed.
--   * A session or window is never deleted (claims point at it): a session is closed.
--   * `cache_generation` numbers the loads of this session into the cache; an older load cannot overwrite a newer one.

CREATE TABLE clinic_sessions (
    session_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clinic_id         integer NOT NULL REFERENCES clinics,
    session_date      date NOT NULL,
    title             text NOT NULL,
    kind              text NOT NULL DEFAULT 'regular' CHECK (kind IN ('regular', 'dedicated')),
    state             text NOT NULL DEFAULT 'published' CHECK (state IN ('published', 'closed')),
    cache_generation  bigint NOT NULL DEFAULT 0,
    origin            text NOT NULL DEFAULT 'city' CHECK (origin IN ('city', 'demo', 'rehearsal')),
    origin_key        text UNIQUE,          -- lets a generator or an importer publish once however often it runs
    published_by      text NOT NULL,
    published_at      timestamptz NOT NULL DEFAULT now(),
    closed_at         timestamptz,
    CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);
CREATE INDEX clinic_sessions_by_clinic ON clinic_sessions (clinic_id, session_date);
CREATE INDEX clinic_sessions_by_date ON clinic_sessions (session_date) WHERE state = 'published';

CREATE TABLE windows (
    window_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id      bigint NOT NULL REFERENCES clinic_sessions,
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL,
    bookable_until  timestamptz NOT NULL,
    capacity        integer NOT NULL CHECK (capacity BETWEEN 0 AND 100000),
    held            integer NOT NULL DEFAULT 0 CHECK (held >= 0),
    booked          integer NOT NULL DEFAULT 0 CHECK (booked >= 0),
    free            integer GENERATED ALWAYS AS (capacity - held - booked) STORED,
    version         bigint NOT NULL DEFAULT 1,
    CHECK (starts_at < ends_at),
    CHECK (bookable_until <= ends_at),
    CONSTRAINT windows_never_oversold CHECK (held + booked <= capacity),
    UNIQUE (session_id, starts_at)
) WITH (fillfactor = 50);

CREATE TABLE window_quotas (
    window_id      bigint NOT NULL REFERENCES windows,
    channel        text NOT NULL CHECK (channel IN ('h5', 'desk', 'phone', 'school', 'campaign')),
    quota          integer NOT NULL CHECK (quota BETWEEN 0 AND 100000),
    bookable_from  timestamptz NOT NULL,
    held           integer NOT NULL DEFAULT 0 CHECK (held >= 0),
    booked         integer NOT NULL DEFAULT 0 CHECK (booked >= 0),
    free           integer GENERATED ALWAYS AS (quota - held - booked) STORED,
    version        bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (window_id, channel),
    CONSTRAINT window_quotas_never_oversold CHECK (held + booked <= quota)
) WITH (fillfactor = 50);

CREATE TABLE session_stocks (
    stock_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id        bigint NOT NULL REFERENCES clinic_sessions,
    product_id        integer NOT NULL REFERENCES products,
    vials             integer NOT NULL CHECK (vials BETWEEN 0 AND 100000),
    vial_size         smallint NOT NULL CHECK (vial_size BETWEEN 1 AND 20),
    no_new_vial_from  timestamptz,
    held              integer NOT NULL DEFAULT 0 CHECK (held >= 0),
    booked            integer NOT NULL DEFAULT 0 CHECK (booked >= 0),
    free              integer GENERATED ALWAYS AS (vials * vial_size - held - booked) STORED,
    version           bigint NOT NULL DEFAULT 1,
    UNIQUE (session_id, product_id),
    CONSTRAINT session_stocks_never_oversold CHECK (held + booked <= vials * vial_size)
) WITH (fillfactor = 50);

CREATE FUNCTION rise_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER windows_version BEFORE UPDATE ON windows FOR EACH ROW EXECUTE FUNCTION rise_version();
CREATE TRIGGER window_quotas_version BEFORE UPDATE ON window_quotas FOR EACH ROW EXECUTE FUNCTION rise_version();
CREATE TRIGGER session_stocks_version BEFORE UPDATE ON session_stocks FOR EACH ROW EXECUTE FUNCTION rise_version();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is not allowed: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'HM001';
END $$;

-- A write at depth 0 is somebody's own statement; the counting trigger of `claims` writes at depth 1.
CREATE TRIGGER windows_counted BEFORE UPDATE OF held, booked ON windows FOR EACH ROW
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_change('held and booked follow the claims');
CREATE TRIGGER window_quotas_counted BEFORE UPDATE OF held, booked ON window_quotas FOR EACH ROW
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_change('held and booked follow the claims');
CREATE TRIGGER session_stocks_counted BEFORE UPDATE OF held, booked ON session_stocks FOR EACH ROW
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_change('held and booked follow the claims');
CREATE TRIGGER windows_born_empty BEFORE INSERT ON windows FOR EACH ROW
    WHEN (NEW.held <> 0 OR NEW.booked <> 0) EXECUTE FUNCTION refuse_change('held and booked follow the claims');
CREATE TRIGGER window_quotas_born_empty BEFORE INSERT ON window_quotas FOR EACH ROW
    WHEN (NEW.held <> 0 OR NEW.booked <> 0) EXECUTE FUNCTION refuse_change('held and booked follow the claims');
CREATE TRIGGER session_stocks_born_empty BEFORE INSERT ON session_stocks FOR EACH ROW
    WHEN (NEW.held <> 0 OR NEW.booked <> 0) EXECUTE FUNCTION refuse_change('held and booked follow the claims');
CREATE TRIGGER windows_kept BEFORE DELETE ON windows FOR EACH ROW EXECUTE FUNCTION refuse_change('close the session');
CREATE TRIGGER window_quotas_kept BEFORE DELETE ON window_quotas FOR EACH ROW EXECUTE FUNCTION refuse_change('set the quota');
CREATE TRIGGER session_stocks_kept BEFORE DELETE ON session_stocks FOR EACH ROW EXECUTE FUNCTION refuse_change('set the vials');
