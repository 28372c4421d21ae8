-- What is due, kept beside the records, and reminders planned from it.
--
-- Design
--   * due_people has a row for everybody whose records or guardians ever changed. `version` moves with each change, in the
--     transaction of the change; what was worked out is stored only where the version is still the one that was read, so a
--     change during an evaluation is never lost. `stale_from` is the day from which the row must be looked at again:
--     -infinity after a change, else the next day on which something changes, infinity where nobody is to be told.
--   * A new edition touches no row: the worker finds those worked out by another one through due_people_by_edition.
--   * due_doses is the answer by series. It is derived: whatever is in it can be worked out again from the records.
--   * A reminder is planned once: by person, series, dose and kind, or by claim and kind. Its message is an outbox row of the
--     same transaction, one for all reminders of a person and kind that were planned together (`notice_id`). Whether it still
--     holds is asked again when it is sent.
--   * No index is added to claims: who comes tomorrow is found from tomorrow's windows by claims_by_place.

CREATE TABLE due_people (
    person_id   uuid PRIMARY KEY REFERENCES persons ON DELETE CASCADE,
    version     bigint NOT NULL DEFAULT 1,
    stale_from  date NOT NULL DEFAULT '-infinity',
    worked_on   date,                   -- day of the city for which it was worked out; null: not yet, or nobody is to be told
    edition_id  text,                   -- edition that decided it
    CHECK ((worked_on IS NULL) = (edition_id IS NULL))
);
CREATE INDEX due_people_stale ON due_people (stale_from);
CREATE INDEX due_people_by_edition ON due_people (edition_id) WHERE edition_id IS NOT NULL;
COMMENT ON TABLE due_people IS 'whose due doses must be worked out again, and from which day';

CREATE TABLE due_doses (
    person_id    uuid NOT NULL REFERENCES due_people ON DELETE CASCADE,
    series       text NOT NULL,
    name_zh      text NOT NULL,
    status       text NOT NULL CHECK (status IN
                     ('COMPLETE', 'NOT_YET_DUE', 'DUE', 'OVERDUE', 'AGED_OUT', 'NOT_APPLICABLE', 'MANUAL_REVIEW')),
    counted      smallint NOT NULL CHECK (counted >= 0),     -- doses of the series that count
    reminded     boolean NOT NULL,                           -- a series of the programme, which the city reminds of
    next_dose    smallint CHECK (next_dose >= 1),
    earliest     date,
    recommended  date,
    overdue      date,
    PRIMARY KEY (person_id, series)
);
COMMENT ON TABLE due_doses IS 'what is due by series, as worked out on due_people.worked_on; derived from the records';

-- Make people stale, in the order of their ids.
CREATE FUNCTION due_people_changed(people uuid[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO due_people (person_id) SELECT DISTINCT one FROM unnest(people) AS one ORDER BY one
    ON CONFLICT (person_id) DO UPDATE SET version = due_people.version + 1, stale_from = '-infinity'
$$;

CREATE FUNCTION immunization_records_make_stale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM due_people_changed(ARRAY(SELECT a.person_id FROM added a));
    RETURN NULL;
END $$;
CREATE TRIGGER immunization_records_make_stale AFTER INSERT ON immunization_records
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION immunization_records_make_stale();

-- Adults that somebody acts for need no row: nothing is worked out for them.
CREATE FUNCTION guardianships_make_stale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM due_people_changed(ARRAY(
        SELECT p.person_id FROM added a JOIN persons p USING (person_id)
        WHERE p.birth_date > (statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date - interval '18 years'));
    RETURN NULL;
END $$;
CREATE TRIGGER guardianships_make_stale AFTER INSERT ON guardianships
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION guardianships_make_stale();

CREATE FUNCTION person_makes_stale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM due_people_changed(ARRAY[NEW.person_id]);
    RETURN NULL;
END $$;
CREATE TRIGGER guardianships_end_makes_stale AFTER UPDATE OF ended_at ON guardianships FOR EACH ROW
    WHEN (OLD.ended_at IS DISTINCT FROM NEW.ended_at) EXECUTE FUNCTION person_makes_stale();
CREATE TRIGGER persons_make_stale AFTER UPDATE OF birth_date, sex, status ON persons FOR EACH ROW
    WHEN ((OLD.birth_date, OLD.sex, OLD.status) IS DISTINCT FROM (NEW.birth_date, NEW.sex, NEW.status))
    EXECUTE FUNCTION person_makes_stale();

INSERT INTO due_people (person_id)
SELECT DISTINCT g.person_id FROM guardianships g JOIN persons p USING (person_id)
WHERE g.ended_at IS NULL
  AND p.birth_date > (statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date - interval '18 years';

CREATE TABLE reminder_optouts (
    account_id  uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    kind        text NOT NULL CHECK (kind IN ('due', 'overdue', 'second_dose', 'appointment')),
    since       timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (account_id, kind)
);
COMMENT ON TABLE reminder_optouts IS 'kinds of reminders an account does not want; none: all are wanted';

CREATE TABLE reminders (
    reminder_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notice_id    uuid NOT NULL,         -- the message: outbox_messages.subject is reminder:<notice_id>
    kind         text NOT NULL CHECK (kind IN ('due', 'overdue', 'second_dose', 'appointment')),
    person_id    uuid NOT NULL REFERENCES persons ON DELETE CASCADE,
    series       text,
    dose         smallint,
    claim_id     uuid,                  -- no foreign key: it would lock rows of the hot table
    planned_at   timestamptz NOT NULL DEFAULT statement_timestamp(),
    CHECK ((kind = 'appointment') = (claim_id IS NOT NULL)),
    CHECK (num_nulls(series, dose) = CASE WHEN kind = 'appointment' THEN 2 ELSE 0 END),
    CONSTRAINT reminders_once_by_dose UNIQUE (person_id, series, dose, kind),
    CONSTRAINT reminders_once_by_claim UNIQUE (claim_id, kind)
);
CREATE INDEX reminders_by_notice ON reminders (notice_id);
COMMENT ON TABLE reminders IS 'reminders that were planned, each once';

-- The account that is told about a person: the first that came to act for it and wants this kind; null: nobody.
CREATE FUNCTION reminded_account(person uuid, wanted text) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT g.account_id FROM guardianships g JOIN accounts a USING (account_id)
    WHERE g.person_id = person AND g.ended_at IS NULL AND a.status = 'active'
      AND NOT EXISTS (SELECT FROM reminder_optouts o WHERE o.account_id = g.account_id AND o.kind = wanted)
    ORDER BY g.granted_at, g.account_id LIMIT 1
$$;

-- Messages that can wait, such as reminders, say from when on they may be sent. They are leased after all others, so that a
-- morning full of reminders keeps no login code waiting, and they count as owed from that time on.
ALTER TABLE outbox_messages ADD COLUMN not_before timestamptz;
DROP INDEX outbox_messages_waiting;
CREATE INDEX outbox_messages_urgent ON outbox_messages (next_try_at)
    WHERE sent_at IS NULL AND failed_at IS NULL AND not_before IS NULL;
CREATE INDEX outbox_messages_patient ON outbox_messages (next_try_at)
    WHERE sent_at IS NULL AND failed_at IS NULL AND not_before IS NOT NULL;

-- School checks again by their deadline. A check stays as it was made; what was found later is a version of its own (the
-- first is the check itself), and the newest counts. school_deadlines holds what is still to be looked at.
CREATE TABLE school_rechecks (
    check_id    uuid NOT NULL,
    nth         smallint NOT NULL,
    version     integer NOT NULL CHECK (version >= 2),
    checked_on  date NOT NULL,
    edition_id  text NOT NULL,
    result      text NOT NULL CHECK (result IN ('PASSED', 'NEEDS_CATCH_UP', 'NO_RECORD')),
    missing     jsonb NOT NULL DEFAULT '[]',    -- as in school_check_children
    recheck_by  date,
    made_at     timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (check_id, nth, version),
    FOREIGN KEY (check_id, nth) REFERENCES school_check_children,
    CHECK ((recheck_by IS NOT NULL) = (result = 'NEEDS_CATCH_UP')),
    CHECK (recheck_by > checked_on)
);
COMMENT ON TABLE school_rechecks IS 'later versions of the verdict on a child of a school check';
CREATE TRIGGER school_rechecks_append_only BEFORE UPDATE OR DELETE ON school_rechecks
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

CREATE TABLE school_deadlines (
    check_id    uuid NOT NULL,
    nth         smallint NOT NULL,
    recheck_by  date NOT NULL,
    PRIMARY KEY (check_id, nth),
    FOREIGN KEY (check_id, nth) REFERENCES school_check_children
);
CREATE INDEX school_deadlines_by_day ON school_deadlines (recheck_by);
COMMENT ON TABLE school_deadlines IS 'children to be checked again, and by when';

CREATE FUNCTION school_deadlines_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO school_deadlines (check_id, nth, recheck_by)
    SELECT a.check_id, a.nth, a.recheck_by FROM added a WHERE a.recheck_by IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER school_deadlines_kept AFTER INSERT ON school_check_children
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION school_deadlines_kept();
INSERT INTO school_deadlines (check_id, nth, recheck_by)
SELECT check_id, nth, recheck_by FROM school_check_children WHERE recheck_by IS NOT NULL;
