--[[
  admit_many: may these requests try at the ledger?

  Promise    Over all counters, live permits never exceed what the state says is free. A request that is granted holds a
             permit on its window, its channel's quota and its stock together; a refused one holds nothing. Requests are
             decided in the order given. A session that is not loaded answers `rebuild`, never full and never free.
  Keys       per session: state, permits
  Arguments  permit_ttl_ms
             per session: count, then count times: window field, quota field, stock field, permit field
  Reply      one answer for each request, in order: a word, or {'not_yet_bookable', from_ms}
]]
local function admit_session(state_key, permits_key, args, first, count, now_ms, expires_ms, answers)
  sweep(state_key, permits_key, now_ms)

  local answered = #answers
  local status
  local counters = {}
  local permits = {}
  local writes = {}
  local adds = {}
  local dirty = {}

  in_slices(count, function(from, to)
    local begin, finish = first + (from - 1) * 4, first + to * 4 - 1
    local values = redis.call('HMGET', state_key, 'st', unpack(args, begin, finish))
    status = values[1]
    -- Earlier requests of this very call have changed counters in memory, so a field is taken from the hash only once.
    for i = 0, finish - begin do
      local field, value = args[begin + i], values[i + 2]
      if value and counters[field] == nil and permits[field] == nil then
        if i % 4 == 3 then
          permits[field] = true
        else
          counters[field] = unpack_counter(value)
        end
      end
    end
  end)

  local open = status == 'open'
  for at = first, first + count * 4 - 1, 4 do
    answered = answered + 1
    if not status then
      answers[answered] = 'rebuild'
    else
      local window, quota, stock = counters[args[at]], counters[args[at + 1]], counters[args[at + 2]]
      local permit = args[at + 3]
      local refusal, from_ms = decide(now_ms, open, window, quota, stock, permits[permit])
      if from_ms then
        answers[answered] = { refusal, from_ms }
      elseif refusal then
        answers[answered] = refusal
      else
        answers[answered] = 'granted'
        window.live = window.live + 1
        quota.live = quota.live + 1
        stock.live = stock.live + 1
        dirty[args[at]], dirty[args[at + 1]], dirty[args[at + 2]] = window, quota, stock
        permits[permit] = true
        local n = #writes
        writes[n + 1] = permit
        writes[n + 2] = args[at] .. ' ' .. args[at + 1] .. ' ' .. args[at + 2]
        adds[n + 1] = expires_ms
        adds[n + 2] = permit
      end
    end
  end

  if #adds > 0 then
    in_slices(#adds, function(from, to)
      redis.call('ZADD', permits_key, unpack(adds, from, to))
    end)
    for field, counter in pairs(dirty) do
      local n = #writes
      writes[n + 1] = field
      writes[n + 2] = pack_counter(counter)
    end
    in_slices(#writes, function(from, to)
      redis.call('HSET', state_key, unpack(writes, from, to))
    end)
  end
end

redis.register_function('humiao_admit_many', function(keys, args)
  local now_ms = now(args)
  -- As text, because the server would format and parse a number again for every permit.
  local expires_ms = string.format('%.0f', now_ms + tonumber(args[1]))
  local answers = {}
  local at = 2
  for k = 1, #keys, 2 do
    local count = tonumber(args[at])
    admit_session(keys[k], keys[k + 1], args, at + 1, count, now_ms, expires_ms, answers)
    at = at + 1 + count * 4
  end
  return answers
end)
