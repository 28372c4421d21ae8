-- A counter is one field of the state hash, packed as `<live>:<free>:<version>:<x>:<y>`:
--   live     permits in flight that name it
--   free     places left in the ledger at `version`
--   version  rises with every change in the ledger
--   x, y     w: x = bookable_until (ms)   q: x = bookable_from (ms)   v: x = vial size (doses), y = seal instant (ms) or empty
-- version, x and y stay text: they are compared through tonumber and written back as they came.
local function unpack_counter(packed)
  local live, free, version, x, y = string.match(packed, '^(%d+):(%d+):(%d+):(%d+):(%d*)$')
  return { live = tonumber(live), free = tonumber(free), version = version, x = x, y = y }
end

local function pack_counter(counter)
  return counter.live .. ':' .. counter.free .. ':' .. counter.version .. ':' .. counter.x .. ':' .. counter.y
end
