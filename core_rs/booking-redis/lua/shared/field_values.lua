-- The values of many fields of one hash, as a table field -> value; absent fields are absent.
local function field_values(state_key, fields)
  local values = {}
  for i, value in ipairs(values_in_order(state_key, fields)) do
    values[fields[i]] = value or nil
  end
  return values
end
