--[[
  settle_many: the ledger has decided; its counters come home.

  Promise    Counters are copied only where the version is newer, so answers that overtake each other and repeated calls
             leave the newest truth. The permits named are gone afterwards, whether they were there or not. A session
             that is not loaded, or lacks one of the counters, is reported for a rebuild; what is not loaded stays absent.
  Keys       per session: state, permits
  Arguments  per session: permits, counters (how many of each), then the permit fields,
             then per counter: field, version, free
  Reply      one word for each session, in order: `settled` or `rebuild`
]]
local function settle_session(state_key, permits_key, args, first, permit_count, counter_count)
  -- One look at the state for all: the status, the permits, the counters.
  local fields = { 'st' }
  for i = 1, permit_count do
    fields[1 + i] = args[first + i - 1]
  end
  local news_at = first + permit_count
  for i = 1, counter_count do
    fields[1 + permit_count + i] = args[news_at + (i - 1) * 3]
  end
  local values = values_in_order(state_key, fields)
  if not values[1] then
    return 'rebuild'
  end
  local dropped = drop_permits(state_key, permits_key, fields, values, 2, 1 + permit_count)

  local answer = 'settled'
  local written, writes, n = {}, {}, 0
  for i = 1, counter_count do
    local field = fields[1 + permit_count + i]
    -- A counter that is named again goes on from what the news before made of it.
    local before = written[field] or values[1 + permit_count + i]
    if before then
      local after = before
      if dropped[field] then
        after = lower_counter(after, dropped[field])
        dropped[field] = nil
      end
      local at = news_at + (i - 1) * 3
      after = renew_counter(after, args[at + 1], args[at + 2])
      if after ~= before then
        written[field] = after
        writes[n + 1] = field
        writes[n + 2] = after
        n = n + 2
      end
    else
      answer = 'rebuild'
    end
  end
  in_slices(n, function(from, to)
    redis.call('HSET', state_key, unpack(writes, from, to))
  end)
  -- What is left are counters of permits that no news names.
  if next(dropped) then
    lower_live(state_key, dropped)
  end
  return answer
end

redis.register_function('humiao_settle_many', function(keys, args)
  local answers = {}
  local at = 1
  for k = 1, #keys, 2 do
    local permit_count, counter_count = tonumber(args[at]), tonumber(args[at + 1])
    answers[#answers + 1] = settle_session(keys[k], keys[k + 1], args, at + 2, permit_count, counter_count)
    at = at + 2 + permit_count + counter_count * 3
  end
  return answers
end)
