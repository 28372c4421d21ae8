-- The person with a document and how they stand to an account.
-- $1 document_type text  $2 document_index bytea  $3 account_id uuid
-- bound_here, bound_elsewhere: now;  correctable: nobody else ever acted for them and nothing was ever booked.
SELECT p.person_id, p.status, p.name_sealed, p.birth_date, p.sex,
       EXISTS (SELECT FROM guardianships g WHERE g.person_id = p.person_id AND g.account_id = $3
                                             AND g.ended_at IS NULL) AS bound_here,
       EXISTS (SELECT FROM guardianships g WHERE g.person_id = p.person_id AND g.account_id <> $3
                                             AND g.ended_at IS NULL) AS bound_elsewhere,
       EXISTS (SELECT FROM guardianships g WHERE g.person_id = p.person_id AND g.account_id = $3)
           AND NOT EXISTS (SELECT FROM guardianships g WHERE g.person_id = p.person_id AND g.account_id <> $3)
           AND NOT EXISTS (SELECT FROM claims c WHERE c.person_id = p.person_id) AS correctable
FROM persons p
WHERE p.document_type = $1 AND p.document_index = $2
