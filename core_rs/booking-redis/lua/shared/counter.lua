-- A counter is one field of the state hash, packed as `<live>:<free>:<version>:<x>:<y>`:
--   live     permits in flight that name it
--   free     places left in the ledger at `version`
--   version  rises with every change in the ledger
--   x, y     w: x = bookable_until (ms)   q: x = bookable_from (ms)   v: x = vial size (doses), y = seal instant (ms) or empty

-- A counter to decide by. Only `live` changes when permits come and go, so the rest is carried along as one text.
-- Adding nothing makes a number of a text as tonumber does, without the call.
local function unpack_counter(packed)
  local live, rest, free, x, y = string.match(packed, '^(%d+):((%d+):%d+:(%d+):(%d*))$')
  return { live = live + 0, rest = rest, free = free + 0, x = x + 0, y = y ~= '' and y + 0 }
end

local function pack_counter(counter)
  return counter.live .. ':' .. counter.rest
end

-- The packed counter with so many permits less, and never less than none.
local function lower_counter(packed, permits)
  local live, rest = string.match(packed, '^(%d+)(:.*)$')
  return math.max(live - permits, 0) .. rest
end

-- The packed counter with the ledger's free places and version where the version is newer.
local function renew_counter(packed, version, free)
  local live, stored, terms = string.match(packed, '^(%d+):%d+:(%d+):(.*)$')
  if tonumber(version) <= tonumber(stored) then
    return packed
  end
  return live .. ':' .. free .. ':' .. version .. ':' .. terms
end

-- The packed counter with free places and version of another copy of it where those are newer.
local function renewed_by(packed, other)
  local free, version = string.match(other, '^%d+:(%d+):(%d+):')
  return renew_counter(packed, version, free)
end
