-- The server's own clock, so that every process that asks agrees about time.
-- Returns milliseconds since 1970 (UTC).
local function now(_args)
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
