--[[
  load: copy one clinic session from the ledger.

  Promise    All or nothing: afterwards the state is what was given and no permit is live, except that a counter of which
             a settlement has brought a newer version meanwhile keeps that; or the stored generation is the same or newer,
             and nothing has changed.
  Keys       state, permits
  Arguments  generation, status (open | closed), number of counters, then per counter: field, version, free, x, y
             (x and y: see counter.lua)
  Reply      `loaded` or `stale_generation`
]]
-- A value of more than 64 bytes makes the server keep the hash as a table from the start. As a list, which it prefers for
-- small hashes, every one of the many fields of a decision would be searched for from the beginning.
local ABOUT = 'clinic session: gen(eration) st(atus) w(indow) q(uota) v(accine stock) p(ermit): live:free:version:x:y'

redis.register_function('humiao_load', function(keys, args)
  local state_key, permits_key = keys[1], keys[2]
  local generation = args[1]
  local stored = redis.call('HGET', state_key, 'gen')
  if stored and tonumber(stored) >= tonumber(generation) then
    return 'stale_generation'
  end
  local fields = {}
  for at = 4, 3 + tonumber(args[3]) * 5, 5 do
    fields[#fields + 1] = args[at]
  end
  local before = values_in_order(state_key, fields)
  redis.call('DEL', state_key, permits_key)
  local writes = { 'about', ABOUT, 'gen', generation, 'st', args[2] }
  for i, field in ipairs(fields) do
    local at, n = 5 * i - 1, #writes
    local given = '0:' .. args[at + 2] .. ':' .. args[at + 1] .. ':' .. args[at + 3] .. ':' .. args[at + 4]
    writes[n + 1] = field
    writes[n + 2] = before[i] and renewed_by(given, before[i]) or given
  end
  in_slices(#writes, function(first, last)
    redis.call('HSET', state_key, unpack(writes, first, last))
  end)
  return 'loaded'
end)
