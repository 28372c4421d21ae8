--[[
  release_many: these requests will not try after all.

  Promise    The permits named are gone afterwards, whether they were there or not; nothing else changes.
  Keys       per session: state, permits
  Arguments  per session: count, then the permit fields
  Reply      OK
]]
redis.register_function('humiao_release_many', function(keys, args)
  local at = 1
  for k = 1, #keys, 2 do
    local count = tonumber(args[at])
    local permits = {}
    for i = 1, count do
      permits[i] = args[at + i]
    end
    at = at + 1 + count
    release(keys[k], keys[k + 1], permits)
  end
  return redis.status_reply('OK')
end)
