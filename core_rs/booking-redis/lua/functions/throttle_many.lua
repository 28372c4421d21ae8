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
local function throttle_bucket(key, args, first, count, interval_us, ahead_max_us, now_us, answers, texts)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%d', now_us))

  local bound_us = now_us + ahead_max_us
  local answered = #answers
  in_slices(count, function(from, to)
    local callers, named = {}, to - from + 1
    local before = first + (from - 1) * 2 - 2
    for i = 1, named do
      callers[i] = args[before + i * 2]
    end
    local scores = redis.call('ZMSCORE', key, unpack(callers))
    local instants, adds = {}, {}
    for i = 1, named do
      local caller = callers[i]
      -- A caller named again has an instant in memory already; one that the sweep left lies ahead of now.
      local instant = instants[caller] or tonumber(scores[i] or now_us)
      instant = math.min(instant + args[before + i * 2 + 1] * interval_us, bound_us)
      instants[caller] = instant
      answers[answered + i] = instant - now_us
      -- Who comes for the first time gets the same instant as many others: it is written out once.
      local text = texts[instant]
      if not text then
        text = string.format('%d', instant)
        texts[instant] = text
      end
      adds[i * 2 - 1] = text
      adds[i * 2] = caller
    end
    answered = answered + named
    -- Of a caller named again the last instant stays.
    redis.call('ZADD', key, unpack(adds))
  end)
  if count > 0 then
    -- No instant lies further ahead, so the whole bucket may go with the last one.
    redis.call('PEXPIRE', key, string.format('%d', math.ceil(ahead_max_us / 1000) + 1))
  end
end

redis.register_function('humiao_throttle_many', function(keys, args)
  local now_us = now(args) * 1000
  local answers, texts = {}, {}
  local at = 1
  for k = 1, #keys do
    local interval_us, ahead_max_us, count = tonumber(args[at]), tonumber(args[at + 1]), tonumber(args[at + 2])
    throttle_bucket(keys[k], args, at + 3, count, interval_us, ahead_max_us, now_us, answers, texts)
    at = at + 3 + count * 2
  end
  return answers
end)
