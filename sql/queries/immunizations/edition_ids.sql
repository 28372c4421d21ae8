-- Which editions there are, for a process that holds the others already.
SELECT edition_id, digest FROM programme_editions ORDER BY effective_from
