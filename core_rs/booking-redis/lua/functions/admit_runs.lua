--[[
  admit_runs: may these requests try at the ledger?

  Promise    Over all counters, live permits never exceed what the state says is free. A request that is granted holds a
             permit on its window, its channel's quota and its stock together; a refused one holds nothing. Requests are
             decided in the order given. A session that is not loaded answers `rebuild`, never full and never free.
  Keys       per session: state, permits
  Arguments  permit_ttl_ms
             per session: how many runs, then the length of each, then per run (requests in a row for the same place):
             window field, quota field, stock field, then one permit field for each request
  Reply      one answer for each request, in order: a word, or {'not_yet_bookable', from_ms}

  At most a thousand requests of one session in a call, because Lua can unpack only a few thousand values at once.
]]
redis.register_function('humiao_admit_runs', function(keys, args)
  local call = begin_admitting(args)
  local at = 2
  for k = 1, #keys, 2 do
    local runs = tonumber(args[at])
    local lengths, first = {}, at + runs + 1
    at = first
    for run = 1, runs do
      lengths[run] = tonumber(args[first - runs - 1 + run])
      at = at + 3 + lengths[run]
    end
    admit_session(call, keys[k], keys[k + 1], args, first, at - 1, lengths)
  end
  return call.answers
end)
