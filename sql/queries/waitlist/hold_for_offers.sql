-- The holds that offers are.  Parallel arrays: $1 offer_ids uuid[]  $2 tokens uuid[]  $3 person_ids uuid[]  $4 account_ids uuid[]
-- $5 window_ids bigint[]  $6 stock_id bigint  $7 offer_minutes integer;  a deadline is never after its window stops being bookable
INSERT INTO claims (claim_id, hold_token, person_id, account_id, window_id, channel, stock_id, held_at, held_until,
                    changed_by, changed_from, change_reason)
SELECT h.offer_id, h.token, h.person_id, h.account_id, h.window_id, 'campaign', $6, statement_timestamp(),
       least(statement_timestamp() + make_interval(mins => $7::integer), w.bookable_until), 'worker', 'worker', 'offer'
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[]) AS h (offer_id, token, person_id, account_id, window_id)
     JOIN windows w USING (window_id)
