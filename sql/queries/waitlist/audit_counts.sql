-- How much there is to look at.
SELECT (SELECT count(*)::integer FROM offers) AS offers, (SELECT count(*)::integer FROM campaign_releases) AS releases
