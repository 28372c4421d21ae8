-- Tables of P2 and P3: the truth in checks and unique indexes, no triggers.
DROP SCHEMA IF EXISTS rush_peer CASCADE;
CREATE SCHEMA rush_peer;
CREATE TABLE rush_peer.windows (
    window_id bigint PRIMARY KEY, capacity integer NOT NULL, taken integer NOT NULL DEFAULT 0,
    CHECK (taken <= capacity)
) WITH (fillfactor = 50);
CREATE TABLE rush_peer.quotas (
    window_id bigint, channel text, quota integer NOT NULL, taken integer NOT NULL DEFAULT 0,
    PRIMARY KEY (window_id, channel), CHECK (taken <= quota)
) WITH (fillfactor = 50);
CREATE TABLE rush_peer.stocks (
    stock_id bigint PRIMARY KEY, doses integer NOT NULL, taken integer NOT NULL DEFAULT 0, CHECK (taken <= doses)
) WITH (fillfactor = 50);
CREATE TABLE rush_peer.claims (
    claim_id uuid PRIMARY KEY, person_id uuid NOT NULL, series text NOT NULL, window_id bigint NOT NULL,
    stock_id bigint NOT NULL, state text NOT NULL, held_until timestamptz NOT NULL
);
CREATE UNIQUE INDEX ON rush_peer.claims (person_id, series) WHERE state IN ('held', 'confirmed');
CREATE INDEX ON rush_peer.claims (held_until) WHERE state = 'held';
CREATE TABLE rush_peer.answers (account text, key text, answer text NOT NULL, PRIMARY KEY (account, key));
