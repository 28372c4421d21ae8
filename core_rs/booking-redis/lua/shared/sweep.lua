-- Drops the permits whose time is over. Costs one look at the permit set when there are none.
local function sweep(state_key, permits_key, now_ms)
  local expired = redis.call('ZRANGEBYSCORE', permits_key, '-inf', now_ms)
  if #expired > 0 then
    release(state_key, permits_key, expired)
  end
end
