-- Limits on claims as data: what keeps scarce places fair, changed by the city without a release.
--
-- Design
--   * A rule has a code and versions; a change is another version, and what was in force on a day can be read later. Of
--     the versions that cover a day the newest counts, and where that one is not active, none does: a rule is switched
--     off, and on again, by a version.
--   * A row bears the numbers that its kind needs and no others:
--       no_show          `most` reservations missed within `within_days` pause booking for `pause_days` from the last one
--       cancel_deadline  a resident cancels or moves a reservation `before_minutes` before its window begins, or earlier
--       family_size      an account acts for at most `most` people
--   * Post-exposure rabies (series RAB) is exempt: no row may name it, and the rules in Python ask before anything else.
--   * Who wrote a version stands in the row, and a trigger puts it into the audit chain (P8).

CREATE TABLE claim_limits (
    code             text NOT NULL CHECK (code ~ '^[a-z][a-z0-9_]{2,39}$'),
    version          integer NOT NULL CHECK (version >= 1),
    kind             text NOT NULL CHECK (kind IN ('no_show', 'cancel_deadline', 'family_size')),
    series           text CHECK (series <> 'RAB'),                              -- null: all but the exempt
    most             integer CHECK (most BETWEEN 1 AND 1000),
    within_days      integer CHECK (within_days BETWEEN 1 AND 3660),
    pause_days       integer CHECK (pause_days BETWEEN 1 AND 3660),
    before_minutes   integer CHECK (before_minutes BETWEEN 0 AND 43200),
    effective_from   date NOT NULL,                                             -- 00:00 in the city
    effective_until  date,                                                      -- the first day without it
    text_zh          text NOT NULL CHECK (length(text_zh) BETWEEN 4 AND 200),   -- {most} and the like: the number
    active           boolean NOT NULL DEFAULT true,
    reason           text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),    -- why this version
    changed_by       text NOT NULL,                                             -- staff:<id> or sql
    changed_from     text NOT NULL,
    changed_at       timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (code, version),
    CHECK (effective_from < effective_until),
    CONSTRAINT claim_limits_numbers CHECK (
        (most IS NOT NULL) = (kind IN ('no_show', 'family_size'))
        AND (within_days IS NOT NULL) = (kind = 'no_show')
        AND (pause_days IS NOT NULL) = (kind = 'no_show')
        AND (before_minutes IS NOT NULL) = (kind = 'cancel_deadline')),
    CONSTRAINT claim_limits_family_has_no_series CHECK (kind <> 'family_size' OR series IS NULL)
);
COMMENT ON TABLE claim_limits IS 'rules that limit claims, by version; read at every decision, so a version counts at once';

CREATE FUNCTION claim_limits_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- One writer at a time: two versions made at once would both be the next.
    LOCK TABLE claim_limits IN SHARE ROW EXCLUSIVE MODE;
    SELECT coalesce(max(l.version), 0) + 1 INTO NEW.version FROM claim_limits l WHERE l.code = NEW.code;
    IF EXISTS (SELECT FROM claim_limits l WHERE l.code = NEW.code AND l.kind <> NEW.kind) THEN
        RAISE EXCEPTION 'a rule keeps its kind' USING ERRCODE = 'HM002';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER claim_limits_follow BEFORE INSERT ON claim_limits FOR EACH ROW EXECUTE FUNCTION claim_limits_follow();

CREATE FUNCTION claim_limits_noted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM audit_write(ARRAY[NEW.changed_by], ARRAY[NEW.changed_from], ARRAY['limit.set'], ARRAY['limit:' || NEW.code],
                        ARRAY[NEW.reason],
                        ARRAY[jsonb_strip_nulls(to_jsonb(NEW) - '{code,reason,changed_by,changed_from,changed_at}'::text[])]);
    RETURN NULL;
END $$;
CREATE TRIGGER claim_limits_noted AFTER INSERT ON claim_limits FOR EACH ROW EXECUTE FUNCTION claim_limits_noted();
CREATE TRIGGER claim_limits_append_only BEFORE UPDATE OR DELETE ON claim_limits
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

-- The rules in force on a day.
CREATE FUNCTION claim_limits_on(day date) RETURNS SETOF claim_limits LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT * FROM (
        SELECT DISTINCT ON (l.code) l.* FROM claim_limits l
        WHERE l.effective_from <= day AND (l.effective_until IS NULL OR day < l.effective_until)
        ORDER BY l.code, l.version DESC) AS newest
    WHERE newest.active
$$;

INSERT INTO claim_limits (code, kind, most, within_days, pause_days, before_minutes, effective_from, text_zh, reason,
                          changed_by, changed_from) VALUES
    ('no_show', 'no_show', 3, 180, 30, NULL, '2026-01-01',
     '{within_days}天内有{most}次预约后未到，网上预约暂停{pause_days}天', 'to begin with', 'sql', 'migration'),
    ('cancel_deadline', 'cancel_deadline', NULL, NULL, NULL, 0, '2026-01-01',
     '取消或改期须在接种时段开始{before_minutes}分钟之前', 'as it was: until the window begins', 'sql', 'migration'),
    ('family_size', 'family_size', 12, NULL, NULL, NULL, '2026-01-01',
     '一个账户最多管理{most}位接种人', 'as it was', 'sql', 'migration');
