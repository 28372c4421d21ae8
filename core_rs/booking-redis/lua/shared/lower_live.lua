-- Lowers the live counts of counters by what drop_permits counted.
-- A counter that a load has removed meanwhile has nothing to lower.
local function lower_live(state_key, dropped)
  local fields = {}
  for field in pairs(dropped) do
    fields[#fields + 1] = field
  end
  local packed = field_values(state_key, fields)
  local writes = {}
  for field, value in pairs(packed) do
    local counter = unpack_counter(value)
    counter.live = math.max(counter.live - dropped[field], 0)
    writes[#writes + 1] = field
    writes[#writes + 1] = pack_counter(counter)
  end
  in_slices(#writes, function(first, last)
    redis.call('HSET', state_key, unpack(writes, first, last))
  end)
end
