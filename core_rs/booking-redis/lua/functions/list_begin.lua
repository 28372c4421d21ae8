--[[
  list_begin: a waitlist is about to be copied from the ledger.

  Promise    Nothing that is shown changes. Afterwards an import of this generation is under way, empty but for what
             joins from now on; an import of an older generation is over. Begin before reading the ledger: what changes
             after the reading is then told to this import too.
  Keys       list, ranks, next, left
  Arguments  generation
  Reply      `begun`, or `stale_generation` when the shown or the coming generation is the same or newer
]]
redis.register_function('humiao_list_begin', function(keys, args)
  local list_key, next_key = keys[1], keys[3]
  local generation = tonumber(args[1])
  for _, stored in pairs(field_values(list_key, { 'gen', 'next_gen' })) do
    if tonumber(stored) >= generation then
      return 'stale_generation'
    end
  end
  redis.call('UNLINK', next_key)
  redis.call('HSET', list_key, 'next_gen', args[1], 'taken', 0)
  return 'begun'
end)
