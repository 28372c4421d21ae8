-- How a visit ended. Asked after the claim is locked: a statement that waits for the lock sees only the claim itself anew.
-- $1 claim_id uuid
SELECT outcome FROM visits WHERE claim_id = $1
