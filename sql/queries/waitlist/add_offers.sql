-- Offers of a round.  $1 round_id bigint  $2 release_id bigint  $3 offer_ids uuid[]  $4 entry_ids bigint[]  (parallel)
INSERT INTO offers (offer_id, entry_id, release_id, round_id, standby)
SELECT o.offer_id, o.entry_id, $2, $1, (SELECT r.leftover_of IS NOT NULL FROM campaign_releases r WHERE r.release_id = $2)
FROM unnest($3::uuid[], $4::bigint[]) AS o (offer_id, entry_id)
