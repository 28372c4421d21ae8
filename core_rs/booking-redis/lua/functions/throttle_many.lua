--[[
  throttle_many: gates tell whom they let through; how far ahead do all gates together put each caller?

  Promise    Each caller's instant advances by its requests times the interval, from now at the earliest, and never lies
             further ahead of now than the bound. Callers are counted in the order given. Instants that are over are gone.
             Clocks of the gates play no part: what is answered is a distance from the server's now.
  Keys       per bucket: its callers
  Arguments  per bucket: interval_us, ahead_max_us, count, then count times: caller, requests
  Reply      for each caller, in order: how far its instant lies ahead of now (us)

  Instants are integers below 2^53 (the year 2255), which a double holds exactly.
]]
local function throttle_bucket(key, args, first, count, interval_us, ahead_max_us, now_us, answers)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now_us))

  local bound_us = now_us + ahead_max_us
  local instants = {}
  local answered = #answers
  in_slices(count, function(from, to)
    local callers = {}
    for i = from, to do
      callers[#callers + 1] = args[first + (i - 1) * 2]
    end
    local scores = redis.call('ZMSCORE', key, unpack(callers))
    -- A caller named again has an instant in memory already; one that the sweep left lies ahead of now.
    for i, caller in ipairs(callers) do
      instants[caller] = instants[caller] or tonumber(scores[i] or now_us)
    end
    for i, caller in ipairs(callers) do
      local requests = tonumber(args[first + (from + i - 2) * 2 + 1])
      local instant = math.min(instants[caller] + requests * interval_us, bound_us)
      instants[caller] = instant
      answers[answered + from + i - 1] = instant - now_us
    end
  end)

  local adds = {}
  for caller, instant in pairs(instants) do
    local n = #adds
    adds[n + 1] = string.format('%.0f', instant)
    adds[n + 2] = caller
  end
  in_slices(#adds, function(from, to)
    redis.call('ZADD', key, unpack(adds, from, to))
  end)
  if #adds > 0 then
    -- No instant lies further ahead, so the whole bucket may go with the last one.
    redis.call('PEXPIRE', key, string.format('%.0f', math.ceil(ahead_max_us / 1000) + 1))
  end
end

redis.register_function('humiao_throttle_many', function(keys, args)
  local now_us = now(args) * 1000
  local answers = {}
  local at = 1
  for k = 1, #keys do
    local interval_us, ahead_max_us, count = tonumber(args[at]), tonumber(args[at + 1]), tonumber(args[at + 2])
    throttle_bucket(keys[k], args, at + 3, count, interval_us, ahead_max_us, now_us, answers)
    at = at + 3 + count * 2
  end
  return answers
end)
