--[[
  read: what the cache believes about one clinic session, for reconciling and looking.

  Promise    Writes nothing. Permits whose time is over, but which no admit has swept yet, are still shown.
  Keys       state, permits
  Arguments  none
  Reply      nil when the session is not loaded, else {fields and values of the state, permit fields and expiry (ms)}
]]
redis.register_function({
  function_name = 'humiao_read',
  flags = { 'no-writes' },
  callback = function(keys, _args)
    local state = redis.call('HGETALL', keys[1])
    if #state == 0 then
      return false
    end
    return { state, redis.call('ZRANGE', keys[2], 0, -1, 'WITHSCORES') }
  end,
})
