-- Reference data: the city's districts, the vaccine catalogue, the products on its shelves.
--
-- Design
--   * Codes are the keys where an authority has given one (GB/T 2260 districts, programme.yaml vaccine codes).
--   * A vaccine belongs to one or more series: a combination (DTaP-IPV-Hib) takes part in several. One live claim
--     per person and series (P3) is counted over `vaccine_series`, so a combination blocks each of its components.
--   * Reference rows are upserted from sql/seed/reference and never deleted: history points at them.

CREATE TABLE districts (
    district_code  text PRIMARY KEY CHECK (district_code ~ '^[0-9]{6}$'),
    name           text NOT NULL,
    pinyin         text NOT NULL,
    latitude       double precision NOT NULL,
    longitude      double precision NOT NULL
);
COMMENT ON TABLE districts IS 'GB/T 2260 districts of the city';

CREATE TABLE vaccines (
    vaccine_code       text PRIMARY KEY,
    name_zh            text NOT NULL,
    name_en            text NOT NULL,
    kind               text NOT NULL CHECK (kind IN
                           ('nip', 'nip_alternative', 'local', 'non_programme', 'passive_antibody', 'historic')),
    sex                text CHECK (sex IN ('F', 'M')),
    min_age            text,           -- ISO 8601 duration, e.g. P8M
    max_age_exclusive  text,           -- ISO 8601 duration
    bookable           boolean NOT NULL,
    pinyin             text NOT NULL,
    pinyin_initials    text NOT NULL,
    detail             jsonb NOT NULL   -- the programme entry as read, with its certainty
);

CREATE TABLE vaccine_series (
    vaccine_code  text NOT NULL REFERENCES vaccines,
    series        text NOT NULL,
    PRIMARY KEY (vaccine_code, series)
);

CREATE TABLE products (
    product_id    integer PRIMARY KEY,
    vaccine_code  text NOT NULL REFERENCES vaccines,
    name          text NOT NULL,
    manufacturer  text NOT NULL,
    vial_size     smallint NOT NULL CHECK (vial_size BETWEEN 1 AND 20),  -- doses in the smallest sales unit
    price_fen     integer NOT NULL CHECK (price_fen >= 0),               -- 0 = free of charge
    certainty     text NOT NULL CHECK (certainty IN ('high', 'medium', 'low'))
);
CREATE INDEX products_by_vaccine ON products (vaccine_code);
