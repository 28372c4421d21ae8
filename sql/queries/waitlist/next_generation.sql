-- A generation that is newer than any before it.
SELECT nextval('waitlist_moments')
