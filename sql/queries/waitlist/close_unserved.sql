-- End entries that still wait when their campaign has ended, so that they may wait elsewhere.  $1 at_most integer
UPDATE waitlist_entries SET state = 'unserved', ended_at = statement_timestamp(), changed_by = 'worker', changed_from = 'worker'
WHERE entry_id IN (SELECT e.entry_id FROM campaigns c JOIN waitlist_entries e USING (campaign_id)
                   WHERE c.state = 'ended' AND e.state = 'waiting' LIMIT $1)
