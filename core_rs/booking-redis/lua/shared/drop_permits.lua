-- Takes permits out of the permit set and the state, and counts what they occupied.
-- Returns a table counter field -> number of permits dropped; the caller lowers the live counts.
-- A permit that is no longer there counts nothing, so dropping twice is dropping once.
local function drop_permits(state_key, permits_key, permits)
  local dropped = {}
  local held = field_values(state_key, permits)
  for permit, named in pairs(held) do
    for field in string.gmatch(named, '%S+') do
      dropped[field] = (dropped[field] or 0) + 1
    end
    -- A permit named twice in one call is met once here, because `held` is keyed by permit.
  end
  if next(held) then
    in_slices(#permits, function(first, last)
      redis.call('HDEL', state_key, unpack(permits, first, last))
      redis.call('ZREM', permits_key, unpack(permits, first, last))
    end)
  end
  return dropped
end
