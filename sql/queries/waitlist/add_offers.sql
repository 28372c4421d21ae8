-- Offers of a round.  $1 round_id bigint  $2 release_id bigint  $3 offer_ids uuid[]  $4 entry_ids bigint[]  (parallel)
INSERT INTO offers (offer_id, entry_id, release_id, round_id)
SELECT o.offer_id, o.entry_id, $2, $1 FROM unnest($3::uuid[], $4::bigint[]) AS o (offer_id, entry_id)
