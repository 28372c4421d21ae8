-- Immunizations: editions of the programme, and what was given to whom.
--
-- Design
--   * An edition is the programme's text as published, with its day and digest. It never changes: a verdict names its
--     edition and can be worked out again. What is wrong in one is put right by the next, which begins later.
--   * A record is never overwritten. A correction is the next version of the same record with its reason; a void is a
--     version that says so. The version with the highest number counts (immunization_current).
--   * Same person, same day, same series is one dose (rules, C10): immunization_days holds the day against a second record.
--     Rabies alone may have two doses on a day (2-1-1). A combination holds the day of each of its series.
--   * A row names a person by the opaque id alone. What people write in words (note) is sealed; the reason is a code.
--   * Who wrote it stands in the row, and a trigger puts every version into the audit chain (P8).

CREATE TABLE programme_editions (
    edition_id      text PRIMARY KEY CHECK (edition_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
    effective_from  date NOT NULL UNIQUE,       -- 00:00 in the city
    digest          text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),   -- SHA-256 of document
    document        text NOT NULL,              -- YAML
    published_by    text NOT NULL,              -- account:<id>, staff:<id> or sql
    published_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE programme_editions IS 'programme data by edition; the one in force begins last before today';

CREATE FUNCTION programme_editions_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.digest <> encode(sha256(convert_to(NEW.document, 'UTF8')), 'hex') THEN
        RAISE EXCEPTION 'the digest is not that of the document' USING ERRCODE = 'HM002';
    END IF;
    LOCK TABLE programme_editions IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM programme_editions e WHERE e.effective_from >= NEW.effective_from) THEN
        RAISE EXCEPTION 'an edition begins after those before it' USING ERRCODE = 'HM002';
    END IF;
    -- A later edition must not change a day that verdicts were given for.
    IF EXISTS (SELECT FROM programme_editions)
       AND NEW.effective_from <= (statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date THEN
        RAISE EXCEPTION 'an edition begins tomorrow or later' USING ERRCODE = 'HM002';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER programme_editions_follow BEFORE INSERT ON programme_editions
    FOR EACH ROW EXECUTE FUNCTION programme_editions_follow();
CREATE TRIGGER programme_editions_append_only BEFORE UPDATE OR DELETE ON programme_editions
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

CREATE TABLE immunization_records (
    record_id        uuid NOT NULL,
    version          smallint NOT NULL CHECK (version >= 1),
    previous         smallint GENERATED ALWAYS AS (nullif(version, 1::smallint) - 1) STORED,
    person_id        uuid NOT NULL REFERENCES persons,
    vaccine_code     text NOT NULL REFERENCES vaccines,
    given_on         date NOT NULL,
    dose_recorded    smallint CHECK (dose_recorded BETWEEN 1 AND 20),  -- as written down; the rules count for themselves
    product_id       integer REFERENCES products,
    lot              text CHECK (length(lot) BETWEEN 1 AND 40),
    clinic_id        integer REFERENCES clinics,
    staff_id         bigint REFERENCES staff,      -- who vaccinated
    campaign         boolean NOT NULL DEFAULT false,
    course_complete  boolean NOT NULL DEFAULT false,
    override         text CHECK (override IN ('valid', 'invalid')),    -- a clinician's decision against the rules
    source           text NOT NULL CHECK (source IN ('local', 'transferred', 'paper', 'foreign')),
    verified         boolean NOT NULL,
    void             boolean NOT NULL DEFAULT false,
    reason           text CHECK (reason IN ('wrong_entry', 'wrong_person', 'duplicate', 'clinical_decision', 'verified_later')),
    note_sealed      bytea,
    recorded_by      text NOT NULL,
    recorded_from    text NOT NULL,                -- desk, interop, h5, …
    recorded_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (record_id, version),
    UNIQUE (record_id, version, person_id),
    -- versions follow one another, of one person
    FOREIGN KEY (record_id, previous, person_id) REFERENCES immunization_records (record_id, version, person_id),
    CHECK ((version = 1) = (reason IS NULL) OR (version = 1 AND override IS NOT NULL)),
    CHECK (override IS NULL OR reason = 'clinical_decision'),
    CHECK (NOT void OR version > 1)
);
CREATE INDEX immunization_records_by_person ON immunization_records (person_id, given_on);
COMMENT ON TABLE immunization_records IS 'doses given, by version; the highest version of a record counts';
CREATE TRIGGER immunization_records_append_only BEFORE UPDATE OR DELETE ON immunization_records
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

CREATE VIEW immunization_current AS
SELECT r.* FROM immunization_records r
WHERE NOT r.void
  AND NOT EXISTS (SELECT FROM immunization_records later
                  WHERE later.record_id = r.record_id AND later.version > r.version);

CREATE TABLE immunization_days (
    person_id  uuid NOT NULL REFERENCES persons,
    given_on   date NOT NULL,
    series     text NOT NULL,
    nth        smallint NOT NULL CHECK (nth = 1 OR (nth = 2 AND series = 'RAB')),
    record_id  uuid NOT NULL,
    PRIMARY KEY (person_id, given_on, series, nth)
);
CREATE INDEX immunization_days_by_record ON immunization_days (record_id);
COMMENT ON TABLE immunization_days IS 'one record per person, day and series; kept by the trigger of immunization_records';

CREATE FUNCTION immunization_records_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM immunization_days d WHERE d.record_id = NEW.record_id;
    IF NOT NEW.void THEN
        INSERT INTO immunization_days (person_id, given_on, series, nth, record_id)
        SELECT NEW.person_id, NEW.given_on, s.series,
               CASE WHEN s.series = 'RAB'
                    THEN 1 + (SELECT count(*) FROM immunization_days d
                              WHERE (d.person_id, d.given_on, d.series) = (NEW.person_id, NEW.given_on, s.series))
                    ELSE 1 END,
               NEW.record_id
        FROM vaccine_series s WHERE s.vaccine_code = NEW.vaccine_code;
    END IF;
    PERFORM audit_write(
        ARRAY[NEW.recorded_by], ARRAY[NEW.recorded_from],
        ARRAY[CASE WHEN NEW.void THEN 'immunization.voided' WHEN NEW.version > 1 THEN 'immunization.corrected'
                   ELSE 'immunization.recorded' END],
        ARRAY['immunization:' || NEW.record_id], ARRAY[NEW.reason],
        ARRAY[jsonb_build_object('version', NEW.version, 'vaccine', NEW.vaccine_code, 'source', NEW.source)]);
    RETURN NULL;
END $$;
CREATE TRIGGER immunization_records_kept AFTER INSERT ON immunization_records
    FOR EACH ROW EXECUTE FUNCTION immunization_records_kept();
