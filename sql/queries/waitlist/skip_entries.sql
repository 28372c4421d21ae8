-- Who is passed over in a round, and why.  $1 round_id bigint  $2 entry_ids bigint[]  $3 reasons text[]
INSERT INTO offer_skips (round_id, entry_id, reason)
SELECT $1, s.entry_id, s.reason FROM unnest($2::bigint[], $3::text[]) AS s (entry_id, reason)
