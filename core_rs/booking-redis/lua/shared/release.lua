-- Ends permits without news from the ledger: they are gone, and the live counts of what they occupied are lower.
local function release(state_key, permits_key, permits)
  local dropped = drop_permits(state_key, permits_key, permits, values_in_order(state_key, permits), 1, #permits)
  if next(dropped) then
    lower_live(state_key, dropped)
  end
end
