-- A round of offers from a release.  $1 release_id bigint
INSERT INTO offer_rounds (release_id, moment, made_in) VALUES ($1, 0, pg_current_xact_id()) RETURNING round_id
