-- Drafts of the programme: written by one person, reviewed by another, then an edition.
--
-- Design
--   * A draft is the whole text of an edition to be, based on the newest one. Its states:
--       writing -> submitted -> published        submitted -> writing (sent back, with a note)
--       writing, submitted -> withdrawn          Nothing leaves published or withdrawn.
--     While submitted its text stands still: what is reviewed is what is published.
--   * Two persons: the reviewer is not the writer (P8). What staff publish must be a draft that somebody else submitted, so
--     nobody goes round the review; `sql` is the operator with the text of a release.
--   * When another edition came meanwhile, what was reviewed is a change of other rules: it is written anew on the new base.
--   * Every move is in the audit chain, with the digest of the text it is about.

CREATE TABLE programme_drafts (
    draft_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    based_on       text NOT NULL REFERENCES programme_editions (edition_id),
    state          text NOT NULL DEFAULT 'writing' CHECK (state IN ('writing', 'submitted', 'published', 'withdrawn')),
    document       text NOT NULL CHECK (length(document) BETWEEN 1 AND 400000),
    digest         text NOT NULL,                                                -- SHA-256 of document; set by the trigger
    title          text NOT NULL CHECK (length(title) BETWEEN 1 AND 100),        -- what changes, in a line
    reason         text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),       -- the order or notice it follows
    written_by     text NOT NULL,
    changed_by     text NOT NULL,                                                -- who made the last move
    changed_from   text NOT NULL,
    reviewed_by    text,
    review_note    text CHECK (length(review_note) BETWEEN 1 AND 500),
    edition_id     text UNIQUE REFERENCES programme_editions,
    created_at     timestamptz NOT NULL DEFAULT statement_timestamp(),
    changed_at     timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT programme_drafts_two_persons CHECK (reviewed_by <> written_by),
    CHECK (state <> 'published' OR reviewed_by IS NOT NULL),
    CHECK ((state = 'published') = (edition_id IS NOT NULL))
);
CREATE INDEX programme_drafts_by_state ON programme_drafts (state, changed_at DESC);
COMMENT ON TABLE programme_drafts IS 'editions to be: what was written, reviewed and published by whom';

CREATE FUNCTION programme_drafts_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.digest := encode(sha256(convert_to(NEW.document, 'UTF8')), 'hex');
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'writing' THEN
            RAISE EXCEPTION 'a draft begins in writing' USING ERRCODE = 'HM003';
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.state, NEW.state) NOT IN (('writing', 'writing'), ('writing', 'submitted'), ('writing', 'withdrawn'),
                                      ('submitted', 'writing'), ('submitted', 'published'), ('submitted', 'withdrawn')) THEN
        RAISE EXCEPTION 'this move of a draft is not allowed' USING ERRCODE = 'HM003';
    END IF;
    IF NEW.document <> OLD.document AND (OLD.state, NEW.state) <> ('writing', 'writing') THEN
        RAISE EXCEPTION 'the text of a submitted draft stands still' USING ERRCODE = 'HM003';
    END IF;
    IF NEW.written_by <> OLD.written_by OR NEW.created_at <> OLD.created_at THEN
        RAISE EXCEPTION 'a draft keeps its writer' USING ERRCODE = 'HM003';
    END IF;
    NEW.changed_at := statement_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER programme_drafts_move BEFORE INSERT OR UPDATE ON programme_drafts
    FOR EACH ROW EXECUTE FUNCTION programme_drafts_move();
CREATE TRIGGER programme_drafts_kept BEFORE DELETE ON programme_drafts
    FOR EACH ROW EXECUTE FUNCTION refuse_change('withdraw the draft');

CREATE FUNCTION programme_drafts_noted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM audit_write(
        ARRAY[NEW.changed_by], ARRAY[NEW.changed_from],
        ARRAY['programme.' || CASE
                  WHEN TG_OP = 'INSERT' THEN 'drafted'
                  WHEN NEW.state = 'writing' THEN CASE WHEN OLD.state = 'submitted' THEN 'sent_back' ELSE 'rewritten' END
                  ELSE NEW.state END],
        ARRAY['programme_draft:' || NEW.draft_id], ARRAY[NEW.reason],
        ARRAY[jsonb_strip_nulls(jsonb_build_object(
            'digest', NEW.digest, 'based_on', NEW.based_on, 'edition', NEW.edition_id, 'note', NEW.review_note))]);
    RETURN NULL;
END $$;
CREATE TRIGGER programme_drafts_noted AFTER INSERT OR UPDATE ON programme_drafts
    FOR EACH ROW EXECUTE FUNCTION programme_drafts_noted();

CREATE FUNCTION programme_editions_reviewed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.published_by LIKE 'staff:%' AND NOT EXISTS (
        SELECT FROM programme_drafts d
        WHERE d.state = 'submitted' AND d.digest = NEW.digest AND d.written_by <> NEW.published_by) THEN
        RAISE EXCEPTION 'staff publish what somebody else has submitted' USING ERRCODE = 'HM002';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER programme_editions_reviewed BEFORE INSERT ON programme_editions
    FOR EACH ROW EXECUTE FUNCTION programme_editions_reviewed();
