-- A stock of which doses may be left, and what of it may still be needed; it must be locked.  $1 stock_id bigint
-- bookable: more of it can be booked, or is offered still;  needed: held, due, in the clinic, or given;  told: left before.
SELECT s.stock_id, s.session_id, n.clinic_id, n.session_date, p.product_id, p.vaccine_code, s.vials * s.vial_size AS doses,
       n.session_date = (statement_timestamp() AT TIME ZONE 'Asia/Shanghai')::date AS today, statement_timestamp() AS now,
       n.state = 'published' AND EXISTS (SELECT FROM windows w WHERE w.session_id = s.session_id
                                                              AND w.bookable_until > statement_timestamp()) AS bookable,
       (SELECT count(*)::integer FROM claims c JOIN windows w USING (window_id) LEFT JOIN visits v ON v.claim_id = c.claim_id
        WHERE c.stock_id = s.stock_id
          AND (c.state IN ('held', 'checked_in') OR (c.state = 'confirmed' AND w.ends_at > statement_timestamp())
               OR (c.state = 'fulfilled' AND v.outcome IS DISTINCT FROM 'not_given'))) AS needed,
       (SELECT coalesce(sum(r.doses), 0)::integer FROM campaign_releases r WHERE r.leftover_of = s.stock_id) AS told
FROM session_stocks s JOIN clinic_sessions n USING (session_id) JOIN products p USING (product_id)
WHERE s.stock_id = $1
