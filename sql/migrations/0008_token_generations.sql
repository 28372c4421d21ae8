-- Token generations: every signed token of an audience can be made worthless at once.
--
-- Design
--   * A token carries the generation of its audience at the time it was signed (claim `gen`, absent: 0). Processes read
--     this table every two seconds and refuse what is older; a round trip for each request is not needed.
--   * A generation only rises: what was revoked stays revoked. To revoke one login, end its login session instead.
--   * Three rows for good: 'resident' and 'staff' are access tokens, 'pass' is the eligibility pass.

CREATE TABLE token_generations (
    audience    text PRIMARY KEY CHECK (audience IN ('resident', 'staff', 'pass')),
    generation  integer NOT NULL DEFAULT 0 CHECK (generation >= 0)
);
COMMENT ON TABLE token_generations IS 'tokens of an audience signed before its generation are refused';
INSERT INTO token_generations (audience) VALUES ('resident'), ('staff'), ('pass');

CREATE FUNCTION token_generations_rise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the generation of an audience only rises' USING ERRCODE = 'HM002';
END $$;
CREATE TRIGGER token_generations_rise BEFORE UPDATE ON token_generations
    FOR EACH ROW WHEN (NEW.generation < OLD.generation OR NEW.audience <> OLD.audience)
    EXECUTE FUNCTION token_generations_rise();
CREATE TRIGGER token_generations_stay BEFORE DELETE ON token_generations
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
