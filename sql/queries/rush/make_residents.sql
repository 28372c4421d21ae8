-- Rehearsal residents: an account, a person, their bond and a login of two hours, all of one id.
-- Parallel arrays: $1 ids uuid[]  $2 names_sealed bytea[]
WITH id AS (SELECT * FROM unnest($1::uuid[], $2::bytea[]) AS i (id, name_sealed)),
accounts_made AS (
    INSERT INTO accounts (account_id, phone_sealed, phone_index, origin) SELECT id, '', uuid_send(id), 'rehearsal' FROM id
), persons_made AS (
    INSERT INTO persons (person_id, name_sealed, document_type, document_sealed, document_index, birth_date, sex, origin)
    SELECT id, name_sealed, 'passport', '', uuid_send(id), '1990-01-01', 'F', 'rehearsal' FROM id
), logged_in AS (
    INSERT INTO login_sessions (login_session_id, account_id, refresh_digest, expires_at)
    SELECT id, id, uuid_send(id), statement_timestamp() + interval '2 hours' FROM id
)
INSERT INTO guardianships (account_id, person_id, relation) SELECT id, id, 'self' FROM id
