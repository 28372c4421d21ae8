-- Every link of the audit chain that does not fit, oldest first, and how much was checked.
-- A link fits when it follows its predecessor without a gap, carries its hash, and its own hash covers its entries.
WITH digest AS (
    SELECT lane, seq, count(*) AS entries,
           string_agg(audit_line(n, at, actor, source, action, subject, reason, detail, database_user), E'\x1e' ORDER BY n)
               AS lines
    FROM audit_entries GROUP BY lane, seq
), link AS (
    SELECT l.lane, l.seq, l.at, l.entries,
           l.seq = 1 + coalesce(lag(l.seq) OVER w, 0) AND l.previous = coalesce(lag(l.hash) OVER w, ''::bytea) AS follows,
           d.lines IS NOT NULL AND d.entries = l.entries
               AND sha256(l.previous || convert_to(d.lines, 'UTF8')) = l.hash AS covers
    FROM audit_links l LEFT JOIN digest d USING (lane, seq)
    WINDOW w AS (PARTITION BY l.lane ORDER BY l.seq)
), fault AS (
    SELECT lane, seq, at, CASE WHEN NOT follows THEN 'a link before it is missing or changed'
                               ELSE 'its entries were changed' END AS what
    FROM link WHERE NOT (follows AND covers)
    UNION ALL
    SELECT a.lane, a.seq, now(), 'the newest link is missing'
    FROM audit_lanes a LEFT JOIN audit_links l ON l.lane = a.lane AND l.seq = a.seq AND l.hash = a.head
    WHERE a.seq > 0 AND l.lane IS NULL
    UNION ALL
    SELECT d.lane, d.seq, now(), 'entries without a link'
    FROM digest d LEFT JOIN audit_links l USING (lane, seq) WHERE l.lane IS NULL
)
SELECT (SELECT count(*) FROM link) AS links, (SELECT coalesce(sum(entries), 0) FROM link) AS entries,
       (SELECT format('lane %s link %s: %s', lane, seq, what) FROM fault ORDER BY at, lane, seq LIMIT 1) AS finding
