-- May requests for one window, quota and stock try? First what refuses them all, then whether a permit is live already,
-- then the room that is left: together the order of the checks is the order of booking-core's admission model.

-- What refuses them all: a word (and the instant to come back, where there is one), or nil.
-- window, quota, stock: counters, or false where the session has none such.
local function refuse_all(now_ms, open, window, quota, stock)
  if not open then
    return 'session_closed'
  end
  if not window then
    return 'unknown_window'
  end
  if not quota then
    return 'wrong_channel'
  end
  if not stock then
    return 'no_such_stock'
  end
  if now_ms >= window.x then
    return 'booking_ended'
  end
  if now_ms < quota.x then
    return 'not_yet_bookable', quota.x
  end
  return nil
end

-- How many more may try (none where not above zero), and the word for those after them: what is used up first.
local function room_left(now_ms, window, quota, stock)
  local left, word = window.free - window.live, 'window_full'
  if left > 0 and quota.free - quota.live < left then
    left, word = quota.free - quota.live, 'channel_full'
  end
  if left > 0 and stock.free - stock.live < left then
    left, word = stock.free - stock.live, 'out_of_stock'
  end
  -- Limits are whole vials, so what is left modulo the vial size is the rest of the vial that has been begun.
  if left > 0 and stock.y and now_ms >= stock.y and stock.free % stock.x - stock.live < left then
    left, word = stock.free % stock.x - stock.live, 'vial_not_opened'
  end
  return left, word
end
