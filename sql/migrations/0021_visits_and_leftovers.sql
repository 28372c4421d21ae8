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

-- Leftover doses at day's end, for those nearby who said they would come at once.
--   * Staff count what is left of today's stock, when nothing more of it can be booked: a clinic session of its own is made (余苗),
--     with one window until the hour they say, and released to a campaign. The check is on what may still be needed of the
--     first stock: held, due today, given.
--   * Willing (standby) is an entry with a district from which somebody would come. Among the willing the nearest come first: by
--     standby_km, in whole km from the middle of that district, then by their place. Who is not willing is not passed over.
--   * An offer of leftovers that is declined or lapses costs nothing: its entry waits on in its place, and is not asked
--     again for that release. An accepted one is the entry's dose like any other.

ALTER TABLE waitlist_entries ADD COLUMN standby_district text REFERENCES districts;
ALTER TABLE waitlist_changes ADD COLUMN standby_district text;
CREATE INDEX waitlist_entries_standby ON waitlist_entries (campaign_id) WHERE state = 'waiting' AND standby_district IS NOT NULL;
ALTER TABLE campaign_releases ADD COLUMN leftover_of bigint REFERENCES session_stocks,
                              ADD COLUMN offer_minutes integer CHECK (offer_minutes BETWEEN 5 AND 60),
                              ADD CONSTRAINT campaign_releases_leftover CHECK ((leftover_of IS NULL) = (offer_minutes IS NULL));
CREATE INDEX campaign_releases_leftover_of ON campaign_releases (leftover_of) WHERE leftover_of IS NOT NULL;
ALTER TABLE offers ADD COLUMN standby boolean NOT NULL DEFAULT false;
ALTER TABLE offers DROP CONSTRAINT offers_entry_id_key;
CREATE UNIQUE INDEX offers_once ON offers (entry_id) WHERE NOT standby;
CREATE UNIQUE INDEX offers_once_of_a_release ON offers (entry_id, release_id);
CREATE INDEX offers_by_entry ON offers (entry_id, made_at DESC);
ALTER TABLE offer_skips DROP CONSTRAINT offer_skips_reason_check;
ALTER TABLE offer_skips ADD CONSTRAINT offer_skips_reason_check
    CHECK (reason IN ('inactive', 'duplicate_claim', 'not_eligible_that_day', 'asked_before'));

-- Whole km (great circle) from the middle of a district to a clinic.
CREATE FUNCTION standby_km(district text, clinic integer) RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT round(12742 * asin(sqrt(power(sind((k.latitude - d.latitude) / 2), 2)
                 + cosd(d.latitude) * cosd(k.latitude) * power(sind((k.longitude - d.longitude) / 2), 2))))::integer
    FROM districts d, clinics k WHERE d.district_code = district AND k.clinic_id = clinic
$$;
COMMENT ON FUNCTION standby_km IS 'who is asked first for leftovers: (km << 53) + place, since a place has 53 bits';

CREATE OR REPLACE FUNCTION waitlist_entry_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.campaign_id, OLD.vaccine_code, OLD.person_id, OLD.account_id, OLD.ticket, OLD.tier, OLD.tier_reason, OLD.arrival,
            OLD.registered_at) IS DISTINCT FROM (NEW.campaign_id, NEW.vaccine_code, NEW.person_id, NEW.account_id, NEW.ticket,
            NEW.tier, NEW.tier_reason, NEW.arrival, NEW.registered_at)
       OR (OLD.drawn_position IS NOT NULL AND OLD.drawn_position IS DISTINCT FROM NEW.drawn_position) THEN
        RAISE EXCEPTION 'a place on a waitlist is given once' USING ERRCODE = 'HM002';
    END IF;
    -- Leftovers that were not wanted, or not heard of in time, leave their entry where it was.
    IF OLD.state = 'offered' AND NEW.state IN ('declined', 'expired')
       AND (SELECT o.standby FROM offers o WHERE o.entry_id = NEW.entry_id ORDER BY o.made_at DESC LIMIT 1) THEN
        NEW.state := 'waiting';
        NEW.ended_at := NULL;
    ELSIF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (('waiting', 'offered'), ('waiting', 'withdrawn'),
            ('waiting', 'unserved'),
            ('offered', 'accepted'), ('offered', 'declined'), ('offered', 'expired'), ('offered', 'withdrawn'),
            ('accepted', 'done'), ('accepted', 'withdrawn')) THEN
        RAISE EXCEPTION 'an entry does not go from % to %', OLD.state, NEW.state USING ERRCODE = 'HM003';
    END IF;
    IF 'waiting' IN (OLD.state, NEW.state) THEN
        PERFORM share_campaign(NEW.campaign_id);
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION waitlist_entry_noted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    deed  text := CASE WHEN TG_OP = 'INSERT' THEN 'registered' WHEN OLD.state = 'offered' AND NEW.state = 'waiting' THEN 'waits_on'
                       WHEN OLD.state <> NEW.state THEN NEW.state
                       WHEN OLD.standby_district IS DISTINCT FROM NEW.standby_district THEN 'standby' ELSE 'clinics' END;
BEGIN
    INSERT INTO waitlist_changes (entry_id, moment, state, clinics, standby_district)
    VALUES (NEW.entry_id, CASE WHEN TG_OP = 'INSERT' THEN NEW.arrival ELSE nextval('waitlist_moments') END, NEW.state,
            NEW.clinics, NEW.standby_district);
    PERFORM audit_write(ARRAY[NEW.changed_by], ARRAY[NEW.changed_from], ARRAY['entry.' || deed], ARRAY['entry:' || NEW.entry_id],
                        ARRAY[NULL::text], ARRAY[jsonb_build_object('campaign', NEW.campaign_id, 'person', NEW.person_id,
                                                                    'tier', NEW.tier, 'arrival', NEW.arrival)]);
    RETURN NULL;
END $$;
DROP TRIGGER waitlist_entry_changed ON waitlist_entries;
CREATE TRIGGER waitlist_entry_changed AFTER UPDATE ON waitlist_entries FOR EACH ROW
    WHEN ((OLD.state, OLD.clinics, OLD.standby_district) IS DISTINCT FROM (NEW.state, NEW.clinics, NEW.standby_district))
    EXECUTE FUNCTION waitlist_entry_noted();

-- As in 0017, with the order of leftovers among those who are willing.
CREATE OR REPLACE FUNCTION offers_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM new_offers n JOIN offer_rounds o USING (round_id)
                    JOIN campaign_releases r ON r.release_id = o.release_id
                    LEFT JOIN waitlist_entries e ON e.entry_id = n.entry_id LEFT JOIN claims c ON c.claim_id = n.offer_id
               WHERE n.state <> 'open' OR o.made_in <> pg_current_xact_id() OR o.release_id <> n.release_id
                  OR e.campaign_id <> r.campaign_id OR e.state <> 'offered' OR c.person_id <> e.person_id
                  OR c.state <> 'held' OR c.channel <> 'campaign' OR c.stock_id <> r.stock_id
                  OR n.standby <> (r.leftover_of IS NOT NULL) OR (n.standby AND e.standby_district IS NULL)) THEN
        RAISE EXCEPTION 'an offer is a hold made in a round for an entry that was waiting' USING ERRCODE = 'HM003';
    END IF;
    IF EXISTS (SELECT FROM (SELECT DISTINCT release_id FROM new_offers) AS n JOIN campaign_releases r USING (release_id)
               WHERE r.doses < (SELECT count(*) FROM offers f WHERE f.release_id = r.release_id AND f.takes_dose)) THEN
        RAISE EXCEPTION 'more offers than doses' USING ERRCODE = '23514';
    END IF;
    -- Counted, not matched one with the other: that stays linear whatever the planner believes of new tables.
    IF EXISTS (SELECT FROM (SELECT n.round_id, n.release_id, max(e.place) AS last_place
                            FROM new_offers n JOIN waitlist_entries e USING (entry_id) WHERE NOT n.standby GROUP BY 1, 2) AS o
                    JOIN campaign_releases r USING (release_id)
               WHERE (SELECT count(*) FROM waitlist_entries f
                      WHERE f.campaign_id = r.campaign_id AND f.state = 'waiting' AND f.place < o.last_place
                        AND (f.clinics = '{}' OR r.clinic_id = ANY (f.clinics)))
                   > (SELECT count(*) FROM offer_skips s JOIN waitlist_entries f USING (entry_id)
                      WHERE s.round_id = o.round_id AND f.campaign_id = r.campaign_id AND f.state = 'waiting'
                        AND f.place < o.last_place AND (f.clinics = '{}' OR r.clinic_id = ANY (f.clinics)))) THEN
        RAISE EXCEPTION 'an earlier entry waits (P4)' USING ERRCODE = 'HM004';
    END IF;
    IF EXISTS (SELECT FROM new_offers WHERE standby) AND EXISTS (
        WITH near AS MATERIALIZED (   -- once for each district, not for each who waits
            SELECT r.release_id, d.district_code, standby_km(d.district_code, r.clinic_id)::bigint << 53 AS first_turn
            FROM (SELECT DISTINCT release_id FROM new_offers) AS n JOIN campaign_releases r USING (release_id)
                 CROSS JOIN districts d
        ), last_of AS (
            SELECT n.round_id, n.release_id, r.campaign_id, r.clinic_id, max(k.first_turn + e.place) AS last_turn
            FROM new_offers n JOIN waitlist_entries e USING (entry_id) JOIN campaign_releases r USING (release_id)
                 JOIN near k ON k.release_id = n.release_id AND k.district_code = e.standby_district
            GROUP BY 1, 2, 3, 4
        )
        SELECT FROM last_of o
        WHERE (SELECT count(*) FROM waitlist_entries f JOIN near k ON k.district_code = f.standby_district
               WHERE k.release_id = o.release_id AND f.campaign_id = o.campaign_id AND f.state = 'waiting'
                 AND k.first_turn + f.place < o.last_turn AND (f.clinics = '{}' OR o.clinic_id = ANY (f.clinics)))
            > (SELECT count(*) FROM offer_skips s JOIN waitlist_entries f USING (entry_id)
                    JOIN near k ON k.district_code = f.standby_district
               WHERE s.round_id = o.round_id AND k.release_id = o.release_id AND f.campaign_id = o.campaign_id
                 AND f.state = 'waiting' AND k.first_turn + f.place < o.last_turn
                 AND (f.clinics = '{}' OR o.clinic_id = ANY (f.clinics)))) THEN
        RAISE EXCEPTION 'a nearer or earlier entry waits (P4)' USING ERRCODE = 'HM004';
    END IF;
    PERFORM audit_write(array_agg('worker'::text), array_agg('worker'::text), array_agg('offer.made'::text),
                        array_agg('offer:' || offer_id), array_agg(NULL::text),
                        array_agg(jsonb_build_object('entry', entry_id, 'release', release_id, 'round', round_id)))
    FROM new_offers;
    INSERT INTO outbox_messages (topic, subject) SELECT 'offer.made', 'offer:' || offer_id FROM new_offers;
    RETURN NULL;
END $$;

-- How long what is only looked at afterwards is kept. Skips of a round are forgotten so many days after the day of its session;
-- the round keeps how many there were, which is what `humiao waitlist audit` compares from then on.
CREATE TABLE retentions (
    what       text PRIMARY KEY CHECK (what IN ('offer_skips')),
    keep_days  integer NOT NULL CHECK (keep_days BETWEEN 30 AND 3660)
);
COMMENT ON TABLE retentions IS 'read by the worker at each sweep, so an UPDATE counts at the next';
INSERT INTO retentions (what, keep_days) VALUES ('offer_skips', 180);
ALTER TABLE offer_rounds ADD COLUMN skips_forgotten integer;
COMMENT ON COLUMN offer_rounds.skips_forgotten IS 'how many skips the round had when they were forgotten; null: they are all there';
CREATE INDEX offer_rounds_remembering ON offer_rounds (release_id) WHERE skips_forgotten IS NULL;
