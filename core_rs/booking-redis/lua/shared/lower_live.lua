-- Lowers the live counts of counters by what drop_permits counted.
-- A counter that a load has removed meanwhile has nothing to lower.
local function lower_live(state_key, dropped)
  local fields = {}
  for field in pairs(dropped) do
    fields[#fields + 1] = field
  end
  local writes = {}
  for i, packed in ipairs(values_in_order(state_key, fields)) do
    if packed then
      writes[#writes + 1] = fields[i]
      writes[#writes + 1] = lower_counter(packed, dropped[fields[i]])
    end
  end
  in_slices(#writes, function(first, last)
    redis.call('HSET', state_key, unpack(writes, first, last))
  end)
end
