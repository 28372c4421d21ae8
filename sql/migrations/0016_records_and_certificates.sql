-- Records with all the law asks of a dose, where each came from, and certificates that the city signed.
--
-- Design
--   * A dose bears what article 45 of the Vaccine Administration Law asks for: holder, lot, tracing code of the smallest unit,
--     day, who vaccinated, where. What an older paper does not say stays null; nothing is made up.
--   * `import_id` and `import_row` say which file or request a record came with; immunization_imports says who sent it, for
--     which clinic, and what became of its rows. A record's later versions keep them.
--   * A certificate is what was signed on its day, and never changes: text and print are sealed, the number names nobody. It
--     ends by a row in certificate_revocations. Records that change later do not change it; whoever verifies it is told.
--   * Both tables are append-only, and triggers put issue and revocation into the audit chain (P8).

ALTER TABLE immunization_records
    ADD COLUMN tracing_code  text CHECK (tracing_code ~ '^[0-9]{20}$'),      -- 药品追溯码 of the smallest sales unit
    ADD COLUMN manufacturer  text CHECK (length(manufacturer) BETWEEN 1 AND 60),
    ADD COLUMN site          text CHECK (site IN ('left_arm', 'right_arm', 'left_thigh', 'right_thigh', 'oral', 'nasal')),
    ADD COLUMN route         text CHECK (route IN ('IM', 'SC', 'ID', 'PO', 'IN')),
    ADD COLUMN place         text CHECK (length(place) BETWEEN 1 AND 60),      -- as written, where it is no clinic of ours
    ADD COLUMN vaccinator    text CHECK (length(vaccinator) BETWEEN 1 AND 40), -- as written, where it is no staff of ours
    ADD COLUMN import_id     uuid,
    ADD COLUMN import_row    integer CHECK (import_row >= 1),
    ADD CHECK ((import_id IS NULL) = (import_row IS NULL));

CREATE TABLE immunization_imports (
    import_id   uuid PRIMARY KEY,
    clinic_id   integer REFERENCES clinics,     -- null: by the city itself
    source      text NOT NULL CHECK (source IN ('local', 'transferred', 'paper', 'foreign')),
    digest      bytea NOT NULL CHECK (length(digest) = 32),    -- SHA-256, keyed, of what was sent
    rows        integer NOT NULL CHECK (rows >= 1),
    recorded    integer NOT NULL CHECK (recorded >= 0),
    duplicates  integer NOT NULL CHECK (duplicates >= 0),
    refused     integer NOT NULL CHECK (refused >= 0),
    made_by     text NOT NULL,
    made_from   text NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT statement_timestamp(),
    CHECK (recorded + duplicates + refused = rows)
);
COMMENT ON TABLE immunization_imports IS 'where records came from: who sent which rows, and what became of them';
-- Written after its records, in their transaction: the counts are known then.
ALTER TABLE immunization_records
    ADD FOREIGN KEY (import_id) REFERENCES immunization_imports DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX immunization_records_by_import ON immunization_records (import_id) WHERE import_id IS NOT NULL;
CREATE TRIGGER immunization_imports_append_only BEFORE UPDATE OR DELETE ON immunization_imports
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

-- The view again, with the new columns.
CREATE OR REPLACE VIEW immunization_current AS
SELECT r.* FROM immunization_records r
WHERE NOT r.void
  AND NOT EXISTS (SELECT FROM immunization_records later
                  WHERE later.record_id = r.record_id AND later.version > r.version);

CREATE TABLE certificates (
    certificate_id  uuid PRIMARY KEY,
    number          text NOT NULL UNIQUE CHECK (number ~ '^HM[0-9]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$'),
    kind            text NOT NULL CHECK (kind IN ('certificate', 'records', 'school_check')),
    person_id       uuid NOT NULL REFERENCES persons,
    key_id          text NOT NULL,
    edition_id      text NOT NULL,              -- of the programme that counted the doses
    text_sealed     bytea NOT NULL,             -- what the QR code carries
    print_sealed    bytea NOT NULL,             -- what the PDF shows, as JSON
    content_index   bytea NOT NULL,             -- keyed digest of the content: the same again gets the same certificate
    issued_by       text NOT NULL,
    issued_from     text NOT NULL,
    issued_at       timestamptz NOT NULL DEFAULT statement_timestamp()
);
CREATE INDEX certificates_by_person ON certificates (person_id, issued_at DESC);
COMMENT ON TABLE certificates IS 'certificates as they were signed; whether one still counts: certificate_revocations';

CREATE TABLE certificate_revocations (
    certificate_id  uuid PRIMARY KEY REFERENCES certificates,
    reason          text NOT NULL CHECK (reason IN ('lost', 'wrong_record', 'wrong_person', 'replaced')),
    revoked_by      text NOT NULL,
    revoked_from    text NOT NULL,
    revoked_at      timestamptz NOT NULL DEFAULT statement_timestamp()
);
CREATE INDEX certificate_revocations_by_time ON certificate_revocations (revoked_at);
COMMENT ON TABLE certificate_revocations IS 'certificates that no longer count, once and for good';

CREATE TRIGGER certificates_append_only BEFORE UPDATE OR DELETE ON certificates
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER certificate_revocations_append_only BEFORE UPDATE OR DELETE ON certificate_revocations
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

CREATE FUNCTION certificates_noted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM audit_write(ARRAY[NEW.issued_by], ARRAY[NEW.issued_from], ARRAY['certificate.issued'],
                        ARRAY['certificate:' || NEW.certificate_id], ARRAY[NULL::text],
                        ARRAY[jsonb_build_object('kind', NEW.kind, 'edition', NEW.edition_id, 'key', NEW.key_id)]);
    RETURN NULL;
END $$;
CREATE TRIGGER certificates_noted AFTER INSERT ON certificates FOR EACH ROW EXECUTE FUNCTION certificates_noted();

CREATE FUNCTION certificate_revocations_noted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM audit_write(ARRAY[NEW.revoked_by], ARRAY[NEW.revoked_from], ARRAY['certificate.revoked'],
                        ARRAY['certificate:' || NEW.certificate_id], ARRAY[NEW.reason], ARRAY['{}'::jsonb]);
    RETURN NULL;
END $$;
CREATE TRIGGER certificate_revocations_noted AFTER INSERT ON certificate_revocations
    FOR EACH ROW EXECUTE FUNCTION certificate_revocations_noted();

-- School checks as they were made. A school's figures are those of each child's newest check, so a list may come in parts
-- and again. A child is known by the keyed digest of the document, for some have no record here.
CREATE TABLE schools (
    school_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    district_code  text NOT NULL REFERENCES districts,
    name           text NOT NULL CHECK (length(name) BETWEEN 2 AND 60),
    UNIQUE (district_code, name)
);
CREATE TABLE school_checks (
    check_id    uuid PRIMARY KEY,
    school_id   integer NOT NULL REFERENCES schools,
    stage       text NOT NULL CHECK (stage IN ('nursery', 'kindergarten', 'primary')),
    checked_on  date NOT NULL,
    edition_id  text NOT NULL,              -- of the programme that decided
    made_by     text NOT NULL,
    made_from   text NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT statement_timestamp()
);
CREATE INDEX school_checks_by_school ON school_checks (school_id, stage, checked_on);
CREATE TABLE school_check_children (
    check_id        uuid NOT NULL REFERENCES school_checks,
    nth             smallint NOT NULL CHECK (nth >= 1),
    document_index  bytea NOT NULL,
    person_id       uuid REFERENCES persons,    -- null: not on record, or under another name
    class_name      text NOT NULL CHECK (length(class_name) BETWEEN 1 AND 40),
    result          text NOT NULL CHECK (result IN ('PASSED', 'NEEDS_CATCH_UP', 'NO_RECORD', 'NAME_DIFFERS')),
    missing         jsonb NOT NULL DEFAULT '[]',    -- [series, dose, planned_on]
    recheck_by      date,
    PRIMARY KEY (check_id, nth),
    CHECK ((recheck_by IS NOT NULL) = (result = 'NEEDS_CATCH_UP')),
    CHECK ((person_id IS NOT NULL) = (result IN ('PASSED', 'NEEDS_CATCH_UP')))
);
COMMENT ON TABLE school_check_children IS 'verdicts of a school check; who a child is stands in persons alone';
CREATE TRIGGER school_checks_append_only BEFORE UPDATE OR DELETE ON school_checks
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER school_check_children_append_only BEFORE UPDATE OR DELETE ON school_check_children
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
