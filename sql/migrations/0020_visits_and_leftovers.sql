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
