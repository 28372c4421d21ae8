-- People: residents' accounts, the persons they act for, staff.
--
-- Design
--   * A person is somebody who can be vaccinated; an account is somebody who can log in. `guardianships` joins them:
--     relation 'self' for the account holder, others for family. Who may act is asked of this table inside every query.
--   * Personal data is stored encrypted (SM4-GCM, the row id as associated data). Search by ID number or phone goes
--     through a keyed blind index (HMAC-SM3): numbers are enumerable, so a plain digest would protect nothing.
--   * Columns ending in _sealed hold ciphertext, columns ending in _index hold blind indexes.
--   * Birth date and sex stay in the clear: rules and statistics read them by the million; alone they name nobody.
--   * Codes and refresh tokens are stored as keyed digests only. Attempts are counted before they are judged.

CREATE TABLE accounts (
    account_id    uuid PRIMARY KEY,
    phone_sealed  bytea NOT NULL,
    phone_index   bytea NOT NULL UNIQUE,
    status        text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'locked', 'closed')),
    origin        text NOT NULL DEFAULT 'resident' CHECK (origin IN ('resident', 'demo', 'rehearsal')),
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE persons (
    person_id        uuid PRIMARY KEY,
    name_sealed      bytea NOT NULL,
    document_type    text NOT NULL CHECK (document_type IN
                         ('resident_id', 'hmt_residence_permit', 'foreign_permanent_resident',
                          'home_return_permit', 'taiwan_travel_permit', 'passport', 'birth_certificate')),
    document_sealed  bytea NOT NULL,
    document_index   bytea NOT NULL,
    birth_date       date NOT NULL,
    sex              text NOT NULL CHECK (sex IN ('F', 'M')),
    status           text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'merged', 'deceased')),
    origin           text NOT NULL DEFAULT 'resident' CHECK (origin IN ('resident', 'demo', 'rehearsal')),
    created_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (document_type, document_index)
);

CREATE TABLE guardianships (
    account_id  uuid NOT NULL REFERENCES accounts,
    person_id   uuid NOT NULL REFERENCES persons,
    relation    text NOT NULL CHECK (relation IN ('self', 'child', 'parent', 'spouse', 'grandparent', 'grandchild', 'other')),
    granted_at  timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz,
    PRIMARY KEY (account_id, person_id)
);
CREATE INDEX guardianships_by_person ON guardianships (person_id) INCLUDE (account_id);
CREATE UNIQUE INDEX guardianships_one_self ON guardianships (account_id) WHERE relation = 'self' AND ended_at IS NULL;

CREATE TABLE login_codes (
    code_id       uuid PRIMARY KEY,
    phone_index   bytea NOT NULL,
    purpose       text NOT NULL CHECK (purpose IN ('login')),
    code_digest   bytea NOT NULL,
    tries_left    smallint NOT NULL CHECK (tries_left >= 0),
    expires_at    timestamptz NOT NULL,
    used_at       timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX login_codes_by_phone ON login_codes (phone_index, created_at DESC);

CREATE TABLE login_sessions (
    login_session_id  uuid PRIMARY KEY,
    account_id        uuid REFERENCES accounts,
    staff_id          bigint,
    refresh_digest    bytea NOT NULL UNIQUE,
    created_at        timestamptz NOT NULL DEFAULT now(),
    expires_at        timestamptz NOT NULL,
    revoked_at        timestamptz,
    CHECK (num_nonnulls(account_id, staff_id) = 1)
);
CREATE INDEX login_sessions_by_account ON login_sessions (account_id);

CREATE TABLE staff (
    staff_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username         text NOT NULL UNIQUE CHECK (username ~ '^[a-z][a-z0-9._-]{2,31}$'),
    display_name     text NOT NULL,
    password_digest  text NOT NULL,           -- argon2id
    role             text NOT NULL CHECK (role IN ('city_admin', 'district_admin', 'clinic_staff')),
    clinic_id        integer,                  -- clinic_staff act for this clinic only
    district_code    text REFERENCES districts,
    status           text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'locked', 'closed')),
    failures         smallint NOT NULL DEFAULT 0,
    locked_until     timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    CHECK ((role = 'clinic_staff') = (clinic_id IS NOT NULL)),
    CHECK (role <> 'district_admin' OR district_code IS NOT NULL)
);
ALTER TABLE login_sessions ADD FOREIGN KEY (staff_id) REFERENCES staff;
