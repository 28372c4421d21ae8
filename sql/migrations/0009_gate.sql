-- What the gate has to know to refuse by itself.
--
-- Design
--   * A gate refuses a full window from memory, except to accounts that were ever granted a hold there: they may be
--     repeating a request and get its first answer (P7). claims_by_place finds those accounts without touching a row.
--   * A reservation moved to another window leaves a trace in claim_moves, so that the account is still found at the
--     place where its hold was granted. Moves are rare; the trigger fires for them alone.

CREATE INDEX claims_by_place ON claims (window_id, stock_id) INCLUDE (account_id);

CREATE TABLE claim_moves (
    move_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    claim_id    uuid NOT NULL,
    account_id  uuid,
    window_id   bigint NOT NULL,
    stock_id    bigint NOT NULL,
    moved_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX claim_moves_by_place ON claim_moves (window_id, stock_id) INCLUDE (account_id);
COMMENT ON TABLE claim_moves IS 'where claims were before they were moved; kept by the trigger of claims';

CREATE FUNCTION note_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO claim_moves (claim_id, account_id, window_id, stock_id)
    VALUES (OLD.claim_id, OLD.account_id, OLD.window_id, OLD.stock_id);
    RETURN NULL;
END $$;
CREATE TRIGGER claims_place_noted AFTER UPDATE OF window_id, stock_id ON claims FOR EACH ROW
    WHEN ((OLD.window_id, OLD.stock_id) IS DISTINCT FROM (NEW.window_id, NEW.stock_id)) EXECUTE FUNCTION note_move();
