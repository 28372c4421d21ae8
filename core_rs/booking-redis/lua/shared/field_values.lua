-- The values of many fields of one hash, as a table field -> value; absent fields are absent.
local function field_values(state_key, fields)
  local values = {}
  in_slices(#fields, function(first, last)
    local slice = redis.call('HMGET', state_key, unpack(fields, first, last))
    for i = first, last do
      values[fields[i]] = slice[i - first + 1] or nil
    end
  end)
  return values
end
