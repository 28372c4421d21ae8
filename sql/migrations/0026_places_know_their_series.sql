-- A place of a batch knows its series. They were looked up in a list for all places of the batch, read once for each
-- request: 50,000 rows for 500 holds in 100 windows, a tenth of what such a batch cost.
--
-- hold_batch is that of 0020 but for four passages: each has to be found there once, else nothing is changed.

CREATE FUNCTION pg_temp.amended(body text, passage text, instead text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF length(body) - length(replace(body, passage, '')) <> length(passage) THEN
        RAISE EXCEPTION 'this passage is not there, or more than once: %', passage;
    END IF;
    RETURN replace(body, passage, instead);
END $$;

DO $amend$
DECLARE
    body  text := pg_get_functiondef('hold_batch'::regproc);
BEGIN
    body := pg_temp.amended(body, $passage$
    WITH series_of AS MATERIALIZED (
        SELECT s.stock_id, v.series
        FROM session_stocks s JOIN products p USING (product_id) JOIN vaccine_series v USING (vaccine_code)
        WHERE s.stock_id = ANY (stock_ids)
    ), place AS MATERIALIZED (
        SELECT a.window_id, a.channel, a.stock_id, q.bookable_from,
$passage$, $instead$
    WITH place AS MATERIALIZED (
        SELECT a.window_id, a.channel, a.stock_id, q.bookable_from,
               ARRAY(SELECT v.series FROM products p JOIN vaccine_series v USING (vaccine_code)
                     WHERE p.product_id = s.product_id) AS series,
$instead$);
    body := pg_temp.amended(body, $passage$ k.answer AS first_answer, p.bookable_from,
$passage$, $instead$ k.answer AS first_answer, p.bookable_from, p.series,
$instead$);
    body := pg_temp.amended(body, $passage$
                 SELECT l.claim_id FROM series_of v JOIN live_claims l USING (series)
                 WHERE v.stock_id = r.stock_id AND l.person_id = r.person_id LIMIT 1) AS live ON true
$passage$, $instead$
                 SELECT l.claim_id FROM live_claims l
                 WHERE l.person_id = r.person_id AND l.series = ANY (p.series) LIMIT 1) AS live ON true
$instead$);
    body := pg_temp.amended(body, $passage$ OVER (PARTITION BY person_id, series ORDER BY n) AS turn
                                FROM judged JOIN series_of USING (stock_id) WHERE verdict IS NULL AND NOT roomy) AS series_turns
$passage$, $instead$ OVER (PARTITION BY person_id, one_of.series ORDER BY n) AS turn
                                FROM judged CROSS JOIN unnest(series) AS one_of (series)
                                WHERE verdict IS NULL AND NOT roomy) AS series_turns
$instead$);
    EXECUTE body;
END $amend$;
DROP FUNCTION pg_temp.amended;
