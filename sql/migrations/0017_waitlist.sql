-- Scarce vaccine: campaigns, who waits in which order, doses that arrive, offers made of them.
--
-- Design
--   * An offer is a hold: a claim of the channel `campaign` with the offer's id. P1, P3 and P5 are kept by `claims`, and
--     whatever ends the claim (the owner, the worker, staff) ends the offer in the same statement, by a trigger.
--   * Entry: waiting -> offered | withdrawn | unserved (its campaign ended);  offered -> accepted | declined | expired | withdrawn;
--            accepted -> done | withdrawn.   One offer in an entry's life (UNIQUE): what was used never returns.
--   * P4. `place` orders a campaign's entries: tier, then place in the draw, then arrival; the same number as
--     Standing::score in booking-core. It is given once. An offer is refused while an earlier entry waits that wants
--     that clinic and was not skipped, with a reason, in the same round.
--   * Offers are made in rounds. A round has its campaign alone (advisory lock); whoever joins, leaves the line or wants
--     other clinics shares it. So every round sees either all or nothing of a change, and `moment`, taken under
--     the lock, tells which: with waitlist_changes anyone can recompute what each round had to do (humiao waitlist audit).
--   * Locks, in this order: campaign, entry, person, counters. What ends an offer needs neither campaign nor person.
--   * A release says how many of a stock's doses are the campaign's. Offers that hold or have used one never exceed it.
--   * Terms are fixed when a campaign is published. A draw follows docs/draw.md: commitment before closing, list sealed
--     at closing, entropy by two officers, places given once.

CREATE SEQUENCE waitlist_moments;

CREATE TABLE campaigns (
    campaign_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title          text NOT NULL CHECK (length(title) BETWEEN 2 AND 60),
    vaccine_code   text NOT NULL REFERENCES vaccines,
    mode           text NOT NULL CHECK (mode IN ('queue', 'draw')),
    state          text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'published', 'closed', 'drawn', 'ended')),
    paused         boolean NOT NULL DEFAULT false,
    opens_at       timestamptz NOT NULL,
    closes_at      timestamptz NOT NULL,
    clinics        integer[] NOT NULL DEFAULT '{}',   -- none named: every clinic
    eligible       jsonb NOT NULL,                    -- who may register; humiao/waitlist/terms.py
    tiers          jsonb NOT NULL,                    -- who is served earlier; the same
    offer_minutes  integer NOT NULL CHECK (offer_minutes BETWEEN 5 AND 10080),
    entropy_rule   text,
    created_by     text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    published_at   timestamptz,
    CHECK (opens_at < closes_at),
    CHECK ((mode = 'draw') = (entropy_rule IS NOT NULL)),
    CHECK (mode = 'draw' OR state <> 'drawn'),
    UNIQUE (campaign_id, vaccine_code)
);

CREATE FUNCTION campaigns_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (('draft', 'draft'), ('draft', 'published'), ('published', 'published'),
            ('published', 'closed'), ('closed', 'closed'), ('closed', 'drawn'), ('drawn', 'drawn'),
            ('closed', 'ended'), ('drawn', 'ended'), ('ended', 'ended')) THEN
        RAISE EXCEPTION 'a campaign does not go from % to %', OLD.state, NEW.state USING ERRCODE = 'HM003';
    END IF;
    IF OLD.state <> 'draft' AND (OLD.title, OLD.vaccine_code, OLD.mode, OLD.opens_at, OLD.closes_at, OLD.clinics, OLD.eligible,
            OLD.tiers, OLD.offer_minutes, OLD.entropy_rule) IS DISTINCT FROM (NEW.title, NEW.vaccine_code, NEW.mode,
            NEW.opens_at, NEW.closes_at, NEW.clinics, NEW.eligible, NEW.tiers, NEW.offer_minutes, NEW.entropy_rule) THEN
        RAISE EXCEPTION 'the terms of a published campaign stay' USING ERRCODE = 'HM002';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER campaigns_guard BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION campaigns_guard();
CREATE TRIGGER campaigns_kept BEFORE DELETE ON campaigns FOR EACH ROW EXECUTE FUNCTION refuse_change('end the campaign');

-- Held until the transaction ends: shared by those who change the line, alone for a round.
CREATE FUNCTION share_campaign(campaign bigint) RETURNS void LANGUAGE sql AS
    $$ SELECT pg_advisory_xact_lock_shared(hashtextextended('campaign:' || campaign, 0)) $$;
CREATE FUNCTION take_campaign(campaign bigint) RETURNS void LANGUAGE sql AS
    $$ SELECT pg_advisory_xact_lock(hashtextextended('campaign:' || campaign, 0)) $$;

CREATE TABLE waitlist_entries (
    entry_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id     bigint NOT NULL,
    vaccine_code    text NOT NULL,
    person_id       uuid NOT NULL REFERENCES persons,
    account_id      uuid NOT NULL REFERENCES accounts,
    ticket          text NOT NULL UNIQUE DEFAULT gen_random_uuid()::text,
    tier            smallint NOT NULL CHECK (tier BETWEEN 0 AND 255),
    tier_reason     text NOT NULL,
    arrival         bigint NOT NULL UNIQUE,
    drawn_position  integer CHECK (drawn_position >= 1),
    place           bigint NOT NULL GENERATED ALWAYS AS
                        ((tier::bigint << 44) + coalesce(drawn_position::bigint, (1::bigint << 43) + arrival)) STORED,
    clinics         integer[] NOT NULL DEFAULT '{}',   -- none named: any clinic
    state           text NOT NULL DEFAULT 'waiting' CHECK (state IN
                        ('waiting', 'offered', 'accepted', 'declined', 'expired', 'withdrawn', 'unserved', 'done')),
    registered_at   timestamptz NOT NULL DEFAULT statement_timestamp(),
    ended_at        timestamptz,
    changed_by      text NOT NULL,
    changed_from    text NOT NULL,
    FOREIGN KEY (campaign_id, vaccine_code) REFERENCES campaigns (campaign_id, vaccine_code),
    UNIQUE (campaign_id, drawn_position),
    CHECK ((state IN ('declined', 'expired', 'withdrawn', 'unserved', 'done')) = (ended_at IS NOT NULL))
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX waitlist_entries_once ON waitlist_entries (campaign_id, person_id)
    WHERE state IN ('waiting', 'offered', 'accepted', 'done');
CREATE UNIQUE INDEX waitlist_entries_one_line ON waitlist_entries (person_id, vaccine_code)
    WHERE state IN ('waiting', 'offered');
CREATE INDEX waitlist_entries_by_person ON waitlist_entries (person_id);
CREATE INDEX waitlist_entries_in_order ON waitlist_entries (campaign_id, place) WHERE state = 'waiting';
COMMENT ON COLUMN waitlist_entries.ticket IS 'names nobody; what is published of an entry';

CREATE TABLE waitlist_changes (
    entry_id  bigint NOT NULL REFERENCES waitlist_entries,
    moment    bigint NOT NULL,
    state     text NOT NULL,
    clinics   integer[] NOT NULL,
    PRIMARY KEY (entry_id, moment)
);
COMMENT ON TABLE waitlist_changes IS 'what an entry was from each moment on; kept by the triggers of waitlist_entries';
CREATE TRIGGER waitlist_changes_append_only BEFORE UPDATE OR DELETE ON waitlist_changes
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

CREATE FUNCTION waitlist_entry_comes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM share_campaign(NEW.campaign_id);
    IF NEW.state <> 'waiting' OR NEW.drawn_position IS NOT NULL THEN
        RAISE EXCEPTION 'an entry begins waiting' USING ERRCODE = 'HM003';
    END IF;
    IF NOT EXISTS (SELECT FROM campaigns c WHERE c.campaign_id = NEW.campaign_id AND c.state = 'published') THEN
        RAISE EXCEPTION 'the campaign takes no entries' USING ERRCODE = 'HM003';
    END IF;
    NEW.arrival := nextval('waitlist_moments');
    RETURN NEW;
END $$;
CREATE TRIGGER waitlist_entry_comes BEFORE INSERT ON waitlist_entries FOR EACH ROW EXECUTE FUNCTION waitlist_entry_comes();

CREATE FUNCTION waitlist_entry_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.campaign_id, OLD.vaccine_code, OLD.person_id, OLD.account_id, OLD.ticket, OLD.tier, OLD.tier_reason, OLD.arrival,
            OLD.registered_at) IS DISTINCT FROM (NEW.campaign_id, NEW.vaccine_code, NEW.person_id, NEW.account_id, NEW.ticket,
            NEW.tier, NEW.tier_reason, NEW.arrival, NEW.registered_at)
       OR (OLD.drawn_position IS NOT NULL AND OLD.drawn_position IS DISTINCT FROM NEW.drawn_position) THEN
        RAISE EXCEPTION 'a place on a waitlist is given once' USING ERRCODE = 'HM002';
    END IF;
    IF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (('waiting', 'offered'), ('waiting', 'withdrawn'),
            ('waiting', 'unserved'),
            ('offered', 'accepted'), ('offered', 'declined'), ('offered', 'expired'), ('offered', 'withdrawn'),
            ('accepted', 'done'), ('accepted', 'withdrawn')) THEN
        RAISE EXCEPTION 'an entry does not go from % to %', OLD.state, NEW.state USING ERRCODE = 'HM003';
    END IF;
    IF OLD.state = 'waiting' THEN
        PERFORM share_campaign(NEW.campaign_id);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER waitlist_entry_changes BEFORE UPDATE ON waitlist_entries
    FOR EACH ROW EXECUTE FUNCTION waitlist_entry_changes();

CREATE FUNCTION waitlist_entry_noted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    deed  text := CASE WHEN TG_OP = 'INSERT' THEN 'registered' WHEN OLD.state <> NEW.state THEN NEW.state ELSE 'clinics' END;
BEGIN
    INSERT INTO waitlist_changes (entry_id, moment, state, clinics)
    VALUES (NEW.entry_id, CASE WHEN TG_OP = 'INSERT' THEN NEW.arrival ELSE nextval('waitlist_moments') END, NEW.state,
            NEW.clinics);
    PERFORM audit_write(ARRAY[NEW.changed_by], ARRAY[NEW.changed_from], ARRAY['entry.' || deed], ARRAY['entry:' || NEW.entry_id],
                        ARRAY[NULL::text], ARRAY[jsonb_build_object('campaign', NEW.campaign_id, 'person', NEW.person_id,
                                                                    'tier', NEW.tier, 'arrival', NEW.arrival)]);
    RETURN NULL;
END $$;
CREATE TRIGGER waitlist_entry_came AFTER INSERT ON waitlist_entries FOR EACH ROW EXECUTE FUNCTION waitlist_entry_noted();
CREATE TRIGGER waitlist_entry_changed AFTER UPDATE ON waitlist_entries FOR EACH ROW
    WHEN ((OLD.state, OLD.clinics) IS DISTINCT FROM (NEW.state, NEW.clinics)) EXECUTE FUNCTION waitlist_entry_noted();
CREATE TRIGGER waitlist_entries_kept BEFORE DELETE ON waitlist_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change('withdraw the entry');

CREATE TABLE campaign_releases (
    release_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id  bigint NOT NULL REFERENCES campaigns,
    stock_id     bigint NOT NULL REFERENCES session_stocks,
    session_id   bigint NOT NULL REFERENCES clinic_sessions,
    clinic_id    integer NOT NULL REFERENCES clinics,
    doses        integer NOT NULL CHECK (doses BETWEEN 0 AND 100000),
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (campaign_id, stock_id)
);

CREATE TABLE offer_rounds (
    round_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release_id  bigint NOT NULL REFERENCES campaign_releases,
    moment      bigint NOT NULL UNIQUE,
    made_in     xid8 NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT statement_timestamp()
);
CREATE INDEX offer_rounds_by_release ON offer_rounds (release_id, round_id);

CREATE FUNCTION offer_round_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM take_campaign(r.campaign_id) FROM campaign_releases r WHERE r.release_id = NEW.release_id;
    NEW.moment := nextval('waitlist_moments');
    NEW.made_in := pg_current_xact_id();
    RETURN NEW;
END $$;
CREATE TRIGGER offer_round_begins BEFORE INSERT ON offer_rounds FOR EACH ROW EXECUTE FUNCTION offer_round_begins();

CREATE TABLE offer_skips (
    round_id  bigint NOT NULL REFERENCES offer_rounds,
    entry_id  bigint NOT NULL REFERENCES waitlist_entries,
    reason    text NOT NULL CHECK (reason IN ('inactive', 'duplicate_claim', 'not_eligible_that_day')),
    PRIMARY KEY (round_id, entry_id)
);
CREATE INDEX offer_skips_by_entry ON offer_skips (entry_id, round_id);

CREATE TABLE offers (
    offer_id    uuid PRIMARY KEY REFERENCES claims (claim_id),
    entry_id    bigint NOT NULL UNIQUE REFERENCES waitlist_entries,
    release_id  bigint NOT NULL REFERENCES campaign_releases,
    round_id    bigint NOT NULL REFERENCES offer_rounds,
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'declined', 'expired', 'withdrawn')),
    takes_dose  boolean NOT NULL DEFAULT true,          -- holds a dose of the release, or has used it
    made_at     timestamptz NOT NULL DEFAULT statement_timestamp(),
    ended_at    timestamptz,
    CHECK ((state = 'open') = (ended_at IS NULL)),
    CHECK (takes_dose OR state <> 'open')
);
CREATE INDEX offers_taking ON offers (release_id) WHERE takes_dose;
CREATE INDEX offers_by_round ON offers (round_id);

CREATE FUNCTION offers_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM new_offers n JOIN offer_rounds o USING (round_id)
                    JOIN campaign_releases r ON r.release_id = o.release_id
                    LEFT JOIN waitlist_entries e ON e.entry_id = n.entry_id LEFT JOIN claims c ON c.claim_id = n.offer_id
               WHERE n.state <> 'open' OR o.made_in <> pg_current_xact_id() OR o.release_id <> n.release_id
                  OR e.campaign_id <> r.campaign_id OR e.state <> 'offered' OR c.person_id <> e.person_id
                  OR c.state <> 'held' OR c.channel <> 'campaign' OR c.stock_id <> r.stock_id) THEN
        RAISE EXCEPTION 'an offer is a hold made in a round for an entry that was waiting' USING ERRCODE = 'HM003';
    END IF;
    IF EXISTS (SELECT FROM (SELECT DISTINCT release_id FROM new_offers) AS n JOIN campaign_releases r USING (release_id)
               WHERE r.doses < (SELECT count(*) FROM offers f WHERE f.release_id = r.release_id AND f.takes_dose)) THEN
        RAISE EXCEPTION 'more offers than doses' USING ERRCODE = '23514';
    END IF;
    -- Counted, not matched one with the other: that stays linear whatever the planner believes of new tables.
    IF EXISTS (SELECT FROM (SELECT n.round_id, n.release_id, max(e.place) AS last_place
                            FROM new_offers n JOIN waitlist_entries e USING (entry_id) GROUP BY 1, 2) AS o
                    JOIN campaign_releases r USING (release_id)
               WHERE (SELECT count(*) FROM waitlist_entries f
                      WHERE f.campaign_id = r.campaign_id AND f.state = 'waiting' AND f.place < o.last_place
                        AND (f.clinics = '{}' OR r.clinic_id = ANY (f.clinics)))
                   > (SELECT count(*) FROM offer_skips s JOIN waitlist_entries f USING (entry_id)
                      WHERE s.round_id = o.round_id AND f.campaign_id = r.campaign_id AND f.state = 'waiting'
                        AND f.place < o.last_place AND (f.clinics = '{}' OR r.clinic_id = ANY (f.clinics)))) THEN
        RAISE EXCEPTION 'an earlier entry waits (P4)' USING ERRCODE = 'HM004';
    END IF;
    PERFORM audit_write(array_agg('worker'::text), array_agg('worker'::text), array_agg('offer.made'::text),
                        array_agg('offer:' || offer_id), array_agg(NULL::text),
                        array_agg(jsonb_build_object('entry', entry_id, 'release', release_id, 'round', round_id)))
    FROM new_offers;
    INSERT INTO outbox_messages (topic, subject) SELECT 'offer.made', 'offer:' || offer_id FROM new_offers;
    RETURN NULL;
END $$;
CREATE TRIGGER offers_made AFTER INSERT ON offers REFERENCING NEW TABLE AS new_offers
    FOR EACH STATEMENT EXECUTE FUNCTION offers_made();

CREATE FUNCTION offer_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.offer_id, OLD.entry_id, OLD.release_id, OLD.round_id, OLD.made_at)
           IS DISTINCT FROM (NEW.offer_id, NEW.entry_id, NEW.release_id, NEW.round_id, NEW.made_at)
       OR (OLD.state <> NEW.state AND OLD.state NOT IN ('open', 'accepted'))
       OR (OLD.state = 'accepted' AND NEW.state NOT IN ('accepted', 'withdrawn'))
       OR (NEW.takes_dose AND NOT OLD.takes_dose) THEN
        RAISE EXCEPTION 'an offer is used once' USING ERRCODE = 'HM003';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER offer_changes BEFORE UPDATE ON offers FOR EACH ROW EXECUTE FUNCTION offer_changes();
CREATE TRIGGER offers_follow_claims BEFORE UPDATE ON offers FOR EACH ROW
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_change('offers follow their claims');
CREATE TRIGGER offers_kept BEFORE DELETE ON offers FOR EACH ROW EXECUTE FUNCTION refuse_change('end the claim');

CREATE FUNCTION offer_follows_claim() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    became  text := CASE NEW.state
                        WHEN 'held' THEN 'open' WHEN 'expired' THEN 'expired' WHEN 'cancelled' THEN 'withdrawn'
                        WHEN 'released' THEN CASE WHEN NEW.change_reason = 'withdrawn' THEN 'withdrawn' ELSE 'declined' END
                        ELSE 'accepted' END;
    entry   bigint;
BEGIN
    UPDATE offers f SET state = became,
                        ended_at = CASE WHEN became <> 'open' THEN coalesce(f.ended_at, clock_timestamp()) END,
                        takes_dose = f.takes_dose AND (counts_as_held(NEW.state) OR counts_as_booked(NEW.state))
                                     AND EXISTS (SELECT FROM campaign_releases r
                                                 WHERE r.release_id = f.release_id AND r.stock_id = NEW.stock_id)
    WHERE f.offer_id = NEW.claim_id
    RETURNING f.entry_id INTO entry;
    IF entry IS NULL OR OLD.state = NEW.state THEN
        RETURN NULL;
    END IF;
    UPDATE waitlist_entries e
    SET state = CASE WHEN NEW.state = 'fulfilled' THEN 'done' ELSE became END,
        ended_at = CASE WHEN became = 'accepted' AND NEW.state <> 'fulfilled' THEN NULL ELSE clock_timestamp() END,
        changed_by = NEW.changed_by, changed_from = NEW.changed_from
    WHERE e.entry_id = entry AND e.state <> CASE WHEN NEW.state = 'fulfilled' THEN 'done' ELSE became END;
    INSERT INTO outbox_messages (topic, subject)
    SELECT 'offer.expired', 'offer:' || NEW.claim_id WHERE NEW.state = 'expired';
    RETURN NULL;
END $$;
CREATE TRIGGER offer_follows_claim AFTER UPDATE ON claims FOR EACH ROW
    WHEN ((OLD.channel = 'campaign' OR NEW.channel = 'campaign')
          AND (OLD.state, OLD.stock_id) IS DISTINCT FROM (NEW.state, NEW.stock_id))
    EXECUTE FUNCTION offer_follows_claim();

CREATE TABLE campaign_draws (
    campaign_id    bigint PRIMARY KEY REFERENCES campaigns,
    secret_sealed  bytea NOT NULL,
    announcement   bytea NOT NULL,        -- the three files of docs/draw.md, as published
    tickets        bytea,
    entrants       integer,
    result         bytea,
    committed_at   timestamptz NOT NULL DEFAULT now(),
    sealed_at      timestamptz,
    drawn_at       timestamptz,
    CHECK ((tickets IS NULL) = (sealed_at IS NULL) AND (tickets IS NULL) = (entrants IS NULL)),
    CHECK ((result IS NULL) = (drawn_at IS NULL)),
    CHECK (result IS NULL OR tickets IS NOT NULL)
);

CREATE FUNCTION campaign_draw_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (OLD.campaign_id, OLD.secret_sealed, OLD.announcement, OLD.committed_at)
           IS DISTINCT FROM (NEW.campaign_id, NEW.secret_sealed, NEW.announcement, NEW.committed_at)
       OR (OLD.tickets IS NOT NULL AND OLD.tickets IS DISTINCT FROM NEW.tickets) OR OLD.result IS NOT NULL THEN
        RAISE EXCEPTION 'no step of a draw is done twice' USING ERRCODE = 'HM002';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER campaign_draw_once BEFORE UPDATE OR DELETE ON campaign_draws
    FOR EACH ROW EXECUTE FUNCTION campaign_draw_once();

-- What an officer read from the public source; the second who types the same lets the draw run.
CREATE TABLE draw_readings (
    campaign_id  bigint NOT NULL REFERENCES campaign_draws,
    staff_id     bigint NOT NULL REFERENCES staff,
    entropy      text NOT NULL CHECK (length(entropy) BETWEEN 1 AND 300),
    read_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (campaign_id, staff_id)
);
