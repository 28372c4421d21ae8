-- Number of another branch.
SELECT 1;
