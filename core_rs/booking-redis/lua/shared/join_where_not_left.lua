-- Adds `args[first..last]` (score, entry, score, entry, ...; at most a thousand) to every copy of a waitlist, without the
-- entries that have left it.
local function join_where_not_left(copies, left_key, args, first, last)
  local entries = {}
  for at = first + 1, last, 2 do
    entries[#entries + 1] = args[at]
  end
  local gone = redis.call('SMISMEMBER', left_key, unpack(entries))
  local stay = {}
  for place, has_left in ipairs(gone) do
    if has_left == 0 then
      stay[#stay + 1] = args[first + 2 * (place - 1)]
      stay[#stay + 1] = entries[place]
    end
  end
  if #stay > 0 then
    for _, copy in ipairs(copies) do
      redis.call('ZADD', copy, unpack(stay))
    end
  end
end
