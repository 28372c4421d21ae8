-- The children of a check with their newest version, in the order of the list; who may see it was asked before.
-- $1 check_id uuid  $2 after_nth integer  $3 at_most integer  $4 results text[] (null: all)  $5 today date
SELECT h.nth, h.class_name, v.result, v.missing, v.recheck_by, v.version, v.checked_on, v.edition_id,
       exemptions_on(h.person_id, $5) AS exemptions
FROM school_check_children h JOIN school_checks c USING (check_id)
     LEFT JOIN LATERAL (SELECT k.* FROM school_rechecks k
                        WHERE k.check_id = h.check_id AND k.nth = h.nth ORDER BY k.version DESC LIMIT 1) k ON true
     CROSS JOIN LATERAL (SELECT coalesce(k.result, h.result) AS result, coalesce(k.missing, h.missing) AS missing,
                                CASE WHEN k.version IS NULL THEN h.recheck_by ELSE k.recheck_by END AS recheck_by,
                                coalesce(k.version, 1) AS version, coalesce(k.checked_on, c.checked_on) AS checked_on,
                                coalesce(k.edition_id, c.edition_id) AS edition_id) v
WHERE h.check_id = $1 AND h.nth > $2 AND ($4::text[] IS NULL OR v.result = ANY ($4))
ORDER BY h.nth LIMIT $3
