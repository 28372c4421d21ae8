-- The values of many fields of one hash, in the order of the fields; false where a field is absent.
local function values_in_order(state_key, fields)
  local count = #fields
  if count > 0 and count <= 1000 then
    return redis.call('HMGET', state_key, unpack(fields))
  end
  local values = {}
  in_slices(count, function(first, last)
    local slice = redis.call('HMGET', state_key, unpack(fields, first, last))
    for i = first, last do
      values[i] = slice[i - first + 1]
    end
  end)
  return values
end
