-- A counter is one field of the state hash, packed as `<live>:<free>:<version>:<x>:<y>`:
--   live     permits in flight that name it
--   free     places left in the ledger at `version`
--   version  rises with every change in the ledger
--   x, y     w: x = bookable_until (ms)   q: x = bookable_from (ms)   v: x = vial size (doses), y = seal instant (ms) or empty
-- Only `live` changes when permits come and go, so the rest is carried along as one text.
local function unpack_counter(packed)
  local live, rest, free, x, y = string.match(packed, '^(%d+):((%d+):%d+:(%d+):(%d*))$')
  return { live = tonumber(live), rest = rest, free = tonumber(free), x = tonumber(x), y = tonumber(y) }
end

local function pack_counter(counter)
  return counter.live .. ':' .. counter.rest
end

-- Gives the counter the ledger's free places and version where the version is newer.
local function renew_counter(counter, version, free)
  local stored, terms = string.match(counter.rest, '^%d+:(%d+):(.*)$')
  if tonumber(version) <= tonumber(stored) then
    return
  end
  counter.rest = free .. ':' .. version .. ':' .. terms
end
