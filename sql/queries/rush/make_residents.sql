-- Rehearsal residents: an account, a person and their bond, all of one id.  $1 ids uuid[]
WITH id AS (SELECT unnest($1::uuid[]) AS id),
accounts_made AS (
    INSERT INTO accounts (account_id, phone_sealed, phone_index, origin) SELECT id, '', uuid_send(id), 'rehearsal' FROM id
), persons_made AS (
    INSERT INTO persons (person_id, name_sealed, document_type, document_sealed, document_index, birth_date, sex, origin)
    SELECT id, '', 'passport', '', uuid_send(id), '1990-01-01', 'F', 'rehearsal' FROM id
)
INSERT INTO guardianships (account_id, person_id, relation) SELECT id, id, 'self' FROM id
