-- Codes that cannot be guessed, phones that cannot be bombed, and what a reviewer is shown.
--
-- Design
--   * A login code belongs to a phone, a purpose and a device: guesses from another device meet no code at all, so
--     nobody uses up the tries of somebody else's.
--   * Budgets are rows of velocity_budgets: what is counted, whom it counts for (scope), in how long a window, how much
--     is let through, and what happens then. 'refuse' names the budget and its end; 'challenge' asks for work instead.
--     Scopes are asked in the order account, phone, device, network, city: a verified person first, because families
--     share devices and whole districts share the addresses of a mobile network.
--   * take_budgets counts a send before it is written, in the same transaction, all scopes or none. It locks counters in
--     that same order, so that two requests never wait for each other in a circle; the city's, which all share, last.
--   * Up to 32 in a window are counted exactly, by the times of the last ones: no five-a-day is ten around midnight.
--     Larger budgets count in windows that begin with their first use.
--   * A refusal is counted too (refused), for device and network alone: it lets through nothing and makes the next
--     challenge harder.
--   * A solved challenge is spent once: its nonce stays in spent_challenges until the challenge expires.
--   * Signals are for people to read. Nothing here locks an account or hides a refusal: whoever is refused is told why.
--   * Subjects are keyed digests (HMAC-SM3); a signal carries a masked label. All rows are swept when their time is over.

-- Codes on their way at the moment of the change belong to no device and can no longer be tried: ask for a new one.
ALTER TABLE login_codes ADD COLUMN device_index bytea NOT NULL DEFAULT ''::bytea;
ALTER TABLE login_codes ALTER COLUMN device_index DROP DEFAULT;
CREATE INDEX login_codes_by_device ON login_codes (device_index, created_at DESC);

CREATE TABLE velocity_budgets (
    what      text NOT NULL CHECK (what IN ('sms_code', 'failed_login')),
    scope     text NOT NULL CHECK (scope IN ('account', 'phone', 'device', 'network', 'city')),
    window_s  integer NOT NULL CHECK (window_s BETWEEN 1 AND 2678400),
    most      integer NOT NULL CHECK (most > 0),
    effect    text NOT NULL CHECK (effect IN ('refuse', 'challenge')),
    PRIMARY KEY (what, scope, window_s)
);
COMMENT ON TABLE velocity_budgets IS 'how many in a window; read at every request, so an UPDATE counts at once';
INSERT INTO velocity_budgets (what, scope, window_s, most, effect) VALUES
    ('sms_code', 'account', 86400, 10, 'refuse'),
    ('sms_code', 'phone', 60, 1, 'refuse'),
    ('sms_code', 'phone', 86400, 5, 'refuse'),
    ('sms_code', 'device', 3600, 10, 'refuse'),        -- a phone that a whole family logs in with
    ('sms_code', 'device', 86400, 20, 'refuse'),
    ('sms_code', 'network', 3600, 2000, 'refuse'),     -- /24, /64: an operator may put a district behind one
    ('sms_code', 'network', 86400, 10000, 'refuse'),
    ('sms_code', 'city', 60, 6000, 'refuse'),          -- the breaker: what the city pays for at most
    ('sms_code', 'city', 3600, 120000, 'refuse'),
    ('sms_code', 'city', 86400, 600000, 'refuse'),
    ('failed_login', 'device', 3600, 10, 'challenge'),
    ('failed_login', 'network', 3600, 200, 'challenge');

CREATE TABLE velocity_counters (
    what        text NOT NULL,
    scope       text NOT NULL,
    subject     bytea NOT NULL,
    window_s    integer NOT NULL,
    started_at  timestamptz NOT NULL,
    used        integer NOT NULL DEFAULT 0,
    refused     integer NOT NULL DEFAULT 0,
    times       timestamptz[] NOT NULL DEFAULT '{}',   -- of the last ones, where the budget is counted exactly
    PRIMARY KEY (what, scope, subject, window_s)
) WITH (fillfactor = 60);
CREATE INDEX velocity_counters_by_age ON velocity_counters USING brin (started_at);

CREATE FUNCTION velocity_rank(scope text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_position(ARRAY['account', 'phone', 'device', 'network', 'city'], scope)
$$;

-- Take one from every budget of `of` for these subjects (parallel arrays), or from none.
-- A row comes back only where a budget refuses: the one that ends last, and how many were asked for in its window.
CREATE FUNCTION take_budgets(of text, scopes text[], subjects bytea[])
RETURNS TABLE (scope text, window_s integer, most integer, ends_at timestamptz, seen integer) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    exact_up_to  CONSTANT integer := 32;
    at           timestamptz;
    budget       record;
    counter      velocity_counters;
    counters     velocity_counters[] := '{}';   -- as they will be, those of one request in locking order
    full_until   timestamptz;
    no_scope     text;                          -- of the budget that refuses and ends last; null: none refuses
    no_window_s  integer;
    no_most      integer;
    no_ends_at   timestamptz := '-infinity';
    no_seen      integer;
BEGIN
    FOR budget IN
        SELECT b.scope, b.window_s, b.most, b.effect, s.subject
        FROM velocity_budgets b JOIN unnest(scopes, subjects) AS s (scope, subject) USING (scope)
        WHERE b.what = of ORDER BY velocity_rank(b.scope), s.subject, b.window_s
    LOOP
        -- Whoever counts for the same subject waits here, at the lock or at the other's new row.
        LOOP
            SELECT * INTO counter FROM velocity_counters c
            WHERE c.what = of AND c.scope = budget.scope AND c.subject = budget.subject AND c.window_s = budget.window_s
            FOR UPDATE;
            EXIT WHEN FOUND;
            INSERT INTO velocity_counters (what, scope, subject, window_s, started_at)
            VALUES (of, budget.scope, budget.subject, budget.window_s, clock_timestamp()) ON CONFLICT DO NOTHING;
        END LOOP;
        at := clock_timestamp();
        IF counter.started_at + make_interval(secs => budget.window_s) <= at THEN
            counter.started_at := at;
            counter.used := 0;
            counter.refused := 0;
        END IF;
        full_until := NULL;
        IF budget.most > exact_up_to AND counter.used >= budget.most THEN
            full_until := counter.started_at + make_interval(secs => budget.window_s);
        ELSIF budget.most <= exact_up_to AND cardinality(counter.times) >= budget.most THEN
            full_until := counter.times[cardinality(counter.times) - budget.most + 1]
                          + make_interval(secs => budget.window_s);
        END IF;
        IF budget.effect = 'refuse' AND full_until > greatest(at, no_ends_at) THEN
            no_scope := budget.scope;
            no_window_s := budget.window_s;
            no_most := budget.most;
            no_ends_at := full_until;
            no_seen := counter.used + counter.refused + 1;
        END IF;
        IF budget.most <= exact_up_to THEN
            counter.times := (counter.times || at)[greatest(1, cardinality(counter.times) + 2 - budget.most):];
        END IF;
        counters := counters || counter;
    END LOOP;

    FOREACH counter IN ARRAY counters LOOP
        IF no_scope IS NULL THEN
            UPDATE velocity_counters c
            SET started_at = counter.started_at, used = counter.used + 1, refused = counter.refused, times = counter.times
            WHERE c.what = of AND c.scope = counter.scope AND c.subject = counter.subject
              AND c.window_s = counter.window_s;
        ELSIF counter.scope IN ('device', 'network') THEN
            UPDATE velocity_counters c
            SET started_at = counter.started_at, used = counter.used, refused = counter.refused + 1
            WHERE c.what = of AND c.scope = counter.scope AND c.subject = counter.subject
              AND c.window_s = counter.window_s;
        END IF;
    END LOOP;
    IF no_scope IS NOT NULL THEN
        RETURN QUERY SELECT no_scope, no_window_s, no_most, no_ends_at, no_seen;
    END IF;
END $$;
COMMENT ON FUNCTION take_budgets IS 'count before sending: all budgets or none; a row names the budget that refuses';

CREATE TABLE spent_challenges (
    nonce       bytea PRIMARY KEY CHECK (length(nonce) = 16),
    expires_at  timestamptz NOT NULL
);
CREATE INDEX spent_challenges_by_expiry ON spent_challenges (expires_at);

CREATE TABLE velocity_signals (
    signal_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('many_phones', 'many_devices', 'many_failures', 'budget_ended',
                                              'breaker_open', 'challenge_replayed')),
    scope       text NOT NULL CHECK (scope IN ('account', 'phone', 'device', 'network', 'city')),
    subject     bytea NOT NULL,
    label       text NOT NULL,            -- masked: what a reviewer sees of the subject
    reason      text NOT NULL,            -- in words, with the numbers as they were last
    seen        integer NOT NULL DEFAULT 1,
    first_at    timestamptz NOT NULL DEFAULT now(),
    last_at     timestamptz NOT NULL DEFAULT now(),
    day         date NOT NULL DEFAULT (now() AT TIME ZONE 'Asia/Shanghai')::date,
    UNIQUE (kind, scope, subject, day)
);
CREATE INDEX velocity_signals_by_time ON velocity_signals (last_at DESC);
COMMENT ON TABLE velocity_signals IS 'for people to review, one row a day and subject; kept 90 days; decides nothing';
