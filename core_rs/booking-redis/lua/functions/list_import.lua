--[[
  list_import: a part of a waitlist, as the ledger has it.

  Promise    Nothing that is shown changes. Who has left meanwhile is not brought back. Parts may come in any order.
  Keys       list, ranks, next, left
  Arguments  generation, then per entry: score (below 2^53), entry
  Reply      `imported`, or `stale_generation` when this is not the import that is under way
]]
redis.register_function('humiao_list_import', function(keys, args)
  local list_key, next_key, left_key = keys[1], keys[3], keys[4]
  if redis.call('HGET', list_key, 'next_gen') ~= args[1] then
    return 'stale_generation'
  end
  in_slices(#args - 1, function(first, last)
    join_where_not_left({ next_key }, left_key, args, first + 1, last + 1)
  end)
  redis.call('HINCRBY', list_key, 'taken', (#args - 1) / 2)
  return 'imported'
end)
