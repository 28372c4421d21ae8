-- Places for people, or refusals, in the order of the wishes: code, ticket, whether it is new (migration 0023).
-- Parallel arrays: $1 room_ids bigint[]  $2 account_ids uuid[] (null: staff)  $3 person_ids uuid[]  $4 new_tickets uuid[]
-- $5 channels text[]
SELECT code, ticket, is_new FROM room_join_many($1, $2, $3, $4, $5) ORDER BY n
