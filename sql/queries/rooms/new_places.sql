-- Places given after one that is known, in order: tickets side by side, sixteen bytes each, and what became of them.
-- $1 room_id bigint  $2 known_place integer  $3 at_most integer
SELECT coalesce(array_agg(place ORDER BY place), '{}') AS places,
       coalesce(string_agg(uuid_send(ticket), ''::bytea ORDER BY place), '') AS tickets,
       coalesce(array_agg(CASE WHEN state = 'waiting' THEN 0 WHEN state = 'admitted'
                               THEN (extract(epoch FROM admitted_until) * 1000)::bigint ELSE -1 END ORDER BY place), '{}')
           AS states
FROM (SELECT place, ticket, state, admitted_until FROM room_entries
      WHERE room_id = $1 AND place > $2 ORDER BY place LIMIT $3) AS new
