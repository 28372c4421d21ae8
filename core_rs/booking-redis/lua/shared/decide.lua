-- May this request try? Answers a refusal word (and the instant to come back, where there is one), or nil for yes.
-- The order of the checks is the order of booking-core's admission model.
-- window, quota, stock: counters or nil; taken: true when the permit is live already.
local function decide(now_ms, open, window, quota, stock, taken)
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
  if taken then
    return 'in_flight'
  end
  if window.live >= window.free then
    return 'window_full'
  end
  if quota.live >= quota.free then
    return 'channel_full'
  end
  if stock.live >= stock.free then
    return 'out_of_stock'
  end
  -- Limits are whole vials, so what is left modulo the vial size is the rest of the vial that has been begun.
  if stock.y and now_ms >= stock.y and stock.live >= stock.free % stock.x then
    return 'vial_not_opened'
  end
  return nil
end
