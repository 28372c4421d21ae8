-- Every edition of the programme, the first first.
SELECT edition_id, effective_from, digest, document FROM programme_editions ORDER BY effective_from
