-- School checks as the desk sees them again: who was on a list, for the report and the re-check.
--
-- Design
--   * A roll holds of each child the row of the list, the masked name and the masked number, and what was said, sealed as one
--     value for the check. Verdicts stay where they are; a roll is opened for those alone who may see the check: the clinic
--     that made it, its district, the city.
--   * Checks made before have no roll and are shown by number.

CREATE TABLE school_check_rolls (
    check_id     uuid PRIMARY KEY REFERENCES school_checks,
    clinic_id    integer REFERENCES clinics,     -- whose staff made the check; null: an administrator
    bad_rows     integer[] NOT NULL,             -- rows of the list that were left out
    roll_sealed  bytea NOT NULL
);
COMMENT ON TABLE school_check_rolls IS 'the children of a check as they were listed, masked and sealed';
CREATE TRIGGER school_check_rolls_append_only BEFORE UPDATE OR DELETE ON school_check_rolls
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE INDEX school_checks_by_day ON school_checks (checked_on DESC, made_at DESC);

-- Two more verdicts (school_check.verdicts of the programme): who had to catch up and did, and who is exempt for a medical
-- reason that a clinic has documented. An exemption is for a series and, where the dose is only put off, ends on a day; it
-- is never changed, and ends otherwise by a row in medical_exemption_ends. Grounds are sealed and told to nobody outside
-- the clinic: a proof says "medical", and until when.
ALTER TABLE school_check_children
    DROP CONSTRAINT school_check_children_result_check,
    DROP CONSTRAINT school_check_children_check,
    DROP CONSTRAINT school_check_children_check1,
    ADD CONSTRAINT school_check_children_result_check CHECK (
        result IN ('PASSED', 'CATCH_UP_COMPLETED', 'EXEMPT', 'NEEDS_CATCH_UP', 'NO_RECORD', 'NAME_DIFFERS')),
    ADD CONSTRAINT school_check_children_recheck CHECK (
        result = 'EXEMPT' OR (recheck_by IS NOT NULL) = (result = 'NEEDS_CATCH_UP')),
    ADD CONSTRAINT school_check_children_person CHECK (
        (person_id IS NULL) = (result IN ('NO_RECORD', 'NAME_DIFFERS')));
ALTER TABLE school_rechecks
    DROP CONSTRAINT school_rechecks_result_check,
    DROP CONSTRAINT school_rechecks_check,
    ADD CONSTRAINT school_rechecks_result_check CHECK (
        result IN ('PASSED', 'CATCH_UP_COMPLETED', 'EXEMPT', 'NEEDS_CATCH_UP', 'NO_RECORD')),
    ADD CONSTRAINT school_rechecks_recheck CHECK (
        result = 'EXEMPT' OR (recheck_by IS NOT NULL) = (result = 'NEEDS_CATCH_UP'));
CREATE INDEX school_check_children_to_catch_up ON school_check_children (person_id) WHERE result = 'NEEDS_CATCH_UP';

CREATE TABLE medical_exemptions (
    exemption_id    uuid PRIMARY KEY,
    person_id       uuid NOT NULL REFERENCES persons,
    series          text NOT NULL CHECK (series ~ '^[A-Za-z]{2,10}$'),
    until           date,                       -- put off until this day; null: contraindicated
    grounds_sealed  bytea NOT NULL,             -- which document says so
    clinic_id       integer REFERENCES clinics, -- whose staff documented it; null: an administrator
    recorded_by     text NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT statement_timestamp()
);
CREATE INDEX medical_exemptions_by_person ON medical_exemptions (person_id);
CREATE TABLE medical_exemption_ends (
    exemption_id  uuid PRIMARY KEY REFERENCES medical_exemptions,
    ended_by      text NOT NULL,
    ended_at      timestamptz NOT NULL DEFAULT statement_timestamp()
);
COMMENT ON TABLE medical_exemptions IS 'medical reasons why a series is put off or not given, as a clinic documented them';
CREATE TRIGGER medical_exemptions_append_only BEFORE UPDATE OR DELETE ON medical_exemptions
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER medical_exemption_ends_append_only BEFORE UPDATE OR DELETE ON medical_exemption_ends
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

-- What decides about a school check besides the records, on a day: [[exemption, series, until], …] that held then, by the
-- days on which they were recorded and ended, so that the verdict of a day can be had again.
CREATE FUNCTION exemptions_on(person uuid, day date) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_array(e.exemption_id, e.series, e.until) ORDER BY e.series, e.recorded_at), '[]')
    FROM medical_exemptions e
    WHERE e.person_id = person AND (e.until IS NULL OR e.until > day)
      AND (e.recorded_at AT TIME ZONE 'Asia/Shanghai')::date <= day
      AND NOT EXISTS (SELECT FROM medical_exemption_ends n
                      WHERE n.exemption_id = e.exemption_id AND (n.ended_at AT TIME ZONE 'Asia/Shanghai')::date <= day)
$$;
-- The day on which a check of this stage first asked for a catch-up; null where none did.
CREATE FUNCTION catch_up_asked_on(person uuid, of_stage text, day date) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT min(c.checked_on) FROM school_check_children h JOIN school_checks c USING (check_id)
    WHERE h.person_id = person AND h.result = 'NEEDS_CATCH_UP' AND c.stage = of_stage AND c.checked_on <= day
$$;

-- What a draft of the programme changes for the whole city, counted in the background (decision 0018).
--
--   * waiting -> running -> done; waiting, running -> cancelled or failed. Nothing leaves done, cancelled, failed.
--   * One open count for a draft. The worker takes the oldest, a page of people at a time, and keeps after each page how far
--     it came, so that a count outlives the worker; a page is kept only where the one before it still is the last.
--   * It counts one text against one newest edition: where either is another meanwhile, it fails with the reason.
CREATE TABLE programme_counts (
    count_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    draft_id     bigint NOT NULL REFERENCES programme_drafts,
    digest       text NOT NULL,                     -- of the text that is counted
    newest       text NOT NULL,                     -- the edition that was the newest
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'cancelled', 'failed')),
    why          text CHECK ((why IS NOT NULL) = (state = 'failed')),
    total        bigint NOT NULL DEFAULT 0,         -- children on record when it began
    people       bigint NOT NULL DEFAULT 0,         -- looked at so far
    unread       bigint NOT NULL DEFAULT 0,         -- of these, with a record that no edition knows
    changed      bigint NOT NULL DEFAULT 0,         -- of these, who would be told something else
    counts       jsonb NOT NULL DEFAULT '[]',       -- [[series, before, after, people], …]
    last_person  uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    asked_by     text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT statement_timestamp(),
    changed_at   timestamptz NOT NULL DEFAULT statement_timestamp(),
    CHECK (changed <= people AND unread <= people)
);
CREATE UNIQUE INDEX programme_counts_one_open ON programme_counts (draft_id) WHERE state IN ('waiting', 'running');
CREATE INDEX programme_counts_by_draft ON programme_counts (draft_id, count_id DESC);
COMMENT ON TABLE programme_counts IS 'counts over all children of who would be told something else by a draft';

CREATE FUNCTION programme_counts_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state NOT IN ('waiting', 'running') THEN
        RAISE EXCEPTION 'a count that ended stays as it is' USING ERRCODE = 'HM003';
    END IF;
    NEW.changed_at := statement_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER programme_counts_move BEFORE UPDATE ON programme_counts
    FOR EACH ROW EXECUTE FUNCTION programme_counts_move();
