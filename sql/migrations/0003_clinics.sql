-- Clinics: where vaccination happens.
--
-- Design
--   * Search is by district, by name, by pinyin or its initials, by distance. The city has a few hundred clinics, so
--     distance is computed over all of them; no spatial index is worth its upkeep here.
--   * `hidden` clinics exist for rehearsals only and never appear to residents.

CREATE TABLE clinics (
    clinic_id        integer PRIMARY KEY,
    clinic_code      text NOT NULL UNIQUE,
    district_code    text NOT NULL REFERENCES districts,
    name             text NOT NULL UNIQUE,
    pinyin           text NOT NULL,
    pinyin_initials  text NOT NULL,
    address          text NOT NULL,
    phone            text NOT NULL,
    latitude         double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude        double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    opening_hours    jsonb NOT NULL,   -- {"mon": [["08:00", "11:00"], …], …} local time
    kinds            text[] NOT NULL,  -- child, adult, rabies
    hidden           boolean NOT NULL DEFAULT false,
    origin           text NOT NULL DEFAULT 'city' CHECK (origin IN ('city', 'demo', 'rehearsal'))
);
CREATE INDEX clinics_by_district ON clinics (district_code);
ALTER TABLE staff ADD FOREIGN KEY (clinic_id) REFERENCES clinics;
