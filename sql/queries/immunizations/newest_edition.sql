-- The edition that begins last, with its text. No parameters.
SELECT edition_id, effective_from, digest, document FROM programme_editions ORDER BY effective_from DESC LIMIT 1
