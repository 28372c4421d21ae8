--[[
  list_publish: a waitlist has been copied; it is shown from now on.

  Promise    At once: every rank is of the old copy before and of the new one after. Changes told during the import are
             in it.
  Keys       list, ranks, next, left
  Arguments  generation, number of entries that the ledger had
  Reply      `published`, `stale_generation` when this is not the import that is under way, or `incomplete` when fewer
             entries came than the ledger had (the server has lost some): then nothing has changed
]]
redis.register_function('humiao_list_publish', function(keys, args)
  local list_key, ranks_key, next_key = keys[1], keys[2], keys[3]
  local stored = field_values(list_key, { 'next_gen', 'taken' })
  if stored.next_gen ~= args[1] then
    return 'stale_generation'
  end
  if tonumber(stored.taken) < tonumber(args[2]) then
    return 'incomplete'
  end
  redis.call('UNLINK', ranks_key)
  if redis.call('EXISTS', next_key) == 1 then
    redis.call('RENAME', next_key, ranks_key)
  end
  redis.call('HSET', list_key, 'gen', args[1])
  redis.call('HDEL', list_key, 'next_gen', 'taken')
  return 'published'
end)
