-- Calls `act(first, last)` for consecutive slices of 1..count, because Lua can unpack only a few thousand values at once.
local function in_slices(count, act)
  for first = 1, count, 1000 do
    act(first, math.min(first + 999, count))
  end
end
