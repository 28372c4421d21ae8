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
local function settle_session(state_key, permits_key, permits, news)
  if redis.call('HEXISTS', state_key, 'st') == 0 then
    return 'rebuild'
  end
  local dropped = drop_permits(state_key, permits_key, permits)
  local fields, seen = {}, {}
  for field in pairs(dropped) do
    fields[#fields + 1] = field
    seen[field] = true
  end
  for _, new in ipairs(news) do
    if not seen[new.field] then
      fields[#fields + 1] = new.field
      seen[new.field] = true
    end
  end

  local packed = field_values(state_key, fields)
  local counters = {}
  local answer = 'settled'
  for field, value in pairs(packed) do
    counters[field] = unpack_counter(value)
    counters[field].live = math.max(counters[field].live - (dropped[field] or 0), 0)
  end
  for _, new in ipairs(news) do
    local counter = counters[new.field]
    if not counter then
      answer = 'rebuild'
    else
      renew_counter(counter, new.version, new.free)
    end
  end

  local writes = {}
  for field, counter in pairs(counters) do
    local value = pack_counter(counter)
    if value ~= packed[field] then
      writes[#writes + 1] = field
      writes[#writes + 1] = value
    end
  end
  in_slices(#writes, function(first, last)
    redis.call('HSET', state_key, unpack(writes, first, last))
  end)
  return answer
end

redis.register_function('humiao_settle_many', function(keys, args)
  local answers = {}
  local at = 1
  for k = 1, #keys, 2 do
    local permit_count, counter_count = tonumber(args[at]), tonumber(args[at + 1])
    at = at + 2
    local permits, news = {}, {}
    for i = 1, permit_count do
      permits[i] = args[at]
      at = at + 1
    end
    for i = 1, counter_count do
      news[i] = { field = args[at], version = args[at + 1], free = args[at + 2] }
      at = at + 3
    end
    answers[#answers + 1] = settle_session(keys[k], keys[k + 1], permits, news)
  end
  return answers
end)
