--[[
  list_change: entries have joined a waitlist, or left it, in the ledger.

  Promise    Who has left stays away for as long as the server remembers the list, whatever comes in which order, for an
             entry joins once and leaves once. So changes and imports may overtake each other and end in the same order.
  Keys       list, ranks, next, left
  Arguments  number that joined, per joined: score (below 2^53), entry; then entries that left
  Reply      `changed`, or `rebuild` when the list is neither shown nor being imported: nothing has changed
]]
redis.register_function('humiao_list_change', function(keys, args)
  local list_key, ranks_key, next_key, left_key = keys[1], keys[2], keys[3], keys[4]
  local stored = field_values(list_key, { 'gen', 'next_gen' })
  local copies = {}
  if stored.gen then
    copies[#copies + 1] = ranks_key
  end
  if stored.next_gen then
    copies[#copies + 1] = next_key
  end
  if #copies == 0 then
    return 'rebuild'
  end
  local joined_to = 1 + 2 * tonumber(args[1])
  in_slices(#args - joined_to, function(first, last)
    redis.call('SADD', left_key, unpack(args, joined_to + first, joined_to + last))
    for _, copy in ipairs(copies) do
      redis.call('ZREM', copy, unpack(args, joined_to + first, joined_to + last))
    end
  end)
  in_slices(joined_to - 1, function(first, last)
    join_where_not_left(copies, left_key, args, first + 1, last + 1)
  end)
  return 'changed'
end)
