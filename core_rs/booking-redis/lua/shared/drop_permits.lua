-- Takes the permits `fields[first..last]` out of the permit set and the state, and counts what they occupied.
-- values: what the state holds for `fields`, in the same order (see values_in_order.lua).
-- Returns a table counter field -> number of permits dropped; the caller lowers the live counts.
-- A permit that is no longer there counts nothing, so dropping twice is dropping once.
local function drop_permits(state_key, permits_key, fields, values, first, last)
  -- Most permits of a call stand on the same counters: equal values are counted first and taken apart once.
  local alike, held = {}, 0
  for i = first, last do
    local named = values[i]
    if named then
      alike[named] = (alike[named] or 0) + 1
      held = held + 1
    end
  end
  local dropped = {}
  if held == 0 then
    return dropped
  end

  local gone = 0
  in_slices(last - first + 1, function(from, to)
    gone = gone + redis.call('HDEL', state_key, unpack(fields, first + from - 1, first + to - 1))
    redis.call('ZREM', permits_key, unpack(fields, first + from - 1, first + to - 1))
  end)
  -- Fewer went than were held only where a permit is named twice. That is rare; each then counts where it is met first.
  if gone < held then
    alike = {}
    local met = {}
    for i = first, last do
      local permit, named = fields[i], values[i]
      if named and not met[permit] then
        met[permit] = true
        alike[named] = (alike[named] or 0) + 1
      end
    end
  end

  for named, count in pairs(alike) do
    for field in string.gmatch(named, '%S+') do
      dropped[field] = (dropped[field] or 0) + count
    end
  end
  return dropped
end
