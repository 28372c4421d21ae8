-- A place for a person, or a refusal: code, ticket (migration 0018).
-- $1 room_id bigint  $2 account_id uuid (null: staff)  $3 person_id uuid  $4 new_ticket uuid  $5 channel text
SELECT code, ticket FROM room_join($1, $2, $3, $4, $5)
