--[[
  list_rank: how many wait before these entries, and who stands beside them.

  Promise    Writes nothing; each entry costs a few steps down a tree, however long the list.
  Keys       list, ranks
  Arguments  entries
  Reply      `rebuild` when the list is not shown, else {waiting in all, per entry: nil when it does not wait, else
             {waiting before it, of those in earlier tiers, score, entry before it or '', entry after it or ''}}
]]
-- A score is tier * 2^44 + turn (booking-core, waitlist.rs).
local TIER = 17592186044416

redis.register_function({
  function_name = 'humiao_list_rank',
  flags = { 'no-writes' },
  callback = function(keys, args)
    local ranks_key = keys[2]
    if not redis.call('HGET', keys[1], 'gen') then
      return 'rebuild'
    end
    local reply = { redis.call('ZCARD', ranks_key) }
    for at, entry in ipairs(args) do
      local rank = redis.call('ZRANK', ranks_key, entry)
      if rank then
        local score = tonumber(redis.call('ZSCORE', ranks_key, entry))
        local first_of_tier = string.format('%.0f', score - score % TIER)
        local beside = redis.call('ZRANGE', ranks_key, math.max(rank - 1, 0), rank + 1)
        reply[at + 1] = {
          rank,
          redis.call('ZCOUNT', ranks_key, '-inf', '(' .. first_of_tier),
          string.format('%.0f', score),
          rank > 0 and beside[1] or '',
          beside[rank > 0 and 3 or 2] or '',
        }
      else
        reply[at + 1] = false
      end
    end
    return reply
  end,
})
