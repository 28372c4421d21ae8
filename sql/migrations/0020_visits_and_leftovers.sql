-- Who came, what became of a visit; limits by device and district; leftover doses for those nearby.
--
-- Design
--   * A visit begins when a reservation is checked in and ends once: the dose was given, or not, with a reason. The claim says
--     confirmed -> checked_in -> fulfilled (the visit is over), `visits` says with which outcome. A dose that was not given
--     keeps the claim's place: its day is over, and the dose comes back only as a leftover that staff count.
--   * A reservation of a day that ended in the city (24:00) without a check-in is a no-show; the worker says so.

CREATE TABLE visits (
    claim_id       uuid PRIMARY KEY REFERENCES claims,
    checked_in_at  timestamptz NOT NULL DEFAULT statement_timestamp(),
    checked_in_by  text NOT NULL,
    outcome        text CHECK (outcome IN ('given', 'not_given')),
    reason         text CHECK (length(reason) BETWEEN 1 AND 200),
    ended_at       timestamptz,
    ended_by       text,
    CHECK ((outcome IS NULL) = (ended_at IS NULL) AND (outcome IS NULL) = (ended_by IS NULL)),
    CHECK ((outcome IS NOT DISTINCT FROM 'not_given') = (reason IS NOT NULL))
);
COMMENT ON TABLE visits IS 'a reservation that was checked in, and how its visit ended';

CREATE FUNCTION visits_end_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.outcome IS NOT NULL
       OR (OLD.claim_id, OLD.checked_in_at, OLD.checked_in_by)
              IS DISTINCT FROM (NEW.claim_id, NEW.checked_in_at, NEW.checked_in_by) THEN
        RAISE EXCEPTION 'a visit ends once' USING ERRCODE = 'HM003';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER visits_end_once BEFORE UPDATE ON visits FOR EACH ROW EXECUTE FUNCTION visits_end_once();
CREATE TRIGGER visits_kept BEFORE DELETE ON visits FOR EACH ROW EXECUTE FUNCTION refuse_change('a visit stays on record');

-- Where the worker looks for those who did not come.
CREATE INDEX claims_confirmed ON claims (window_id) WHERE state = 'confirmed';

-- Limits by device and by district.
--   * device_accounts  a device on which `most` accounts logged in within `within_days` makes no new account; who has one logs in
--   * district         a vaccine is booked online by those who live or work (`basis`) in one of `districts`
-- Districts are GB/T 2260 codes that residents declare; the area part of an ID number is the place of first registration
-- and says nothing of where somebody lives. Post-exposure rabies stays exempt: `series` cannot name it, the rules ask first.

ALTER TABLE persons ADD COLUMN residence_district text REFERENCES districts,
                    ADD COLUMN work_district text REFERENCES districts,
                    ADD COLUMN districts_declared_at timestamptz;

CREATE TABLE device_accounts (
    device_index   bytea NOT NULL,              -- keyed digest
    account_id     uuid NOT NULL REFERENCES accounts,
    first_at       timestamptz NOT NULL DEFAULT statement_timestamp(),
    last_at        timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (device_index, account_id)
);
CREATE INDEX device_accounts_by_age ON device_accounts USING brin (last_at);
COMMENT ON TABLE device_accounts IS 'which accounts logged in on a device, and when last; swept when no rule can ask for it';

ALTER TABLE claim_limits ADD COLUMN districts text[],
                         ADD COLUMN basis text CHECK (basis IN ('residence', 'work', 'either'));
ALTER TABLE claim_limits DROP CONSTRAINT claim_limits_kind_check,
                         DROP CONSTRAINT claim_limits_numbers,
                         DROP CONSTRAINT claim_limits_family_has_no_series;
ALTER TABLE claim_limits
    ADD CONSTRAINT claim_limits_kind_check
        CHECK (kind IN ('no_show', 'cancel_deadline', 'family_size', 'device_accounts', 'district')),
    ADD CONSTRAINT claim_limits_numbers CHECK (
        (most IS NOT NULL) = (kind IN ('no_show', 'family_size', 'device_accounts'))
        AND (within_days IS NOT NULL) = (kind IN ('no_show', 'device_accounts'))
        AND (pause_days IS NOT NULL) = (kind = 'no_show')
        AND (before_minutes IS NOT NULL) = (kind = 'cancel_deadline')
        AND (districts IS NOT NULL) = (kind = 'district')
        AND (basis IS NOT NULL) = (kind = 'district')),
    ADD CONSTRAINT claim_limits_districts CHECK (array_to_string(districts, ',') ~ '^[0-9]{6}(,[0-9]{6}){0,99}$'),
    ADD CONSTRAINT claim_limits_device_remembers CHECK (kind <> 'device_accounts' OR within_days <= 366),
    ADD CONSTRAINT claim_limits_of_accounts_have_no_series
        CHECK (kind NOT IN ('family_size', 'device_accounts') OR series IS NULL);

INSERT INTO claim_limits (code, version, kind, most, within_days, districts, basis, effective_from, text_zh, active, reason,
                          changed_by, changed_from) VALUES
    ('device_accounts', 1, 'device_accounts', 20, 30, NULL, NULL, '2026-01-01',
     '{within_days}天内已有{most}个账户在这台设备登录，不能再注册新账户', true, 'to begin with', 'sql', 'migration'),
    ('district', 1, 'district', NULL, NULL, '{310101}', 'either', '2026-01-01',
     '仅限在指定区居住或工作的人预约', false, 'a form to fill in; switched off', 'sql', 'migration');

-- Terms of a campaign may name districts, too (humiao/waitlist/terms.py), but not to keep anybody from rabies vaccine.
ALTER TABLE campaigns ADD CONSTRAINT campaigns_rabies_for_everybody
    CHECK (vaccine_code <> 'RabV' OR NOT eligible ? 'districts');
