--[[
  list_forget: a waitlist that is over needs no cache.

  Promise    Nothing of the list is left; a later question is answered `rebuild`.
  Keys       list, ranks, next, left
  Arguments  none
  Reply      OK
]]
redis.register_function({
  function_name = 'humiao_list_forget',
  flags = { 'allow-oom' },
  callback = function(keys, _args)
    redis.call('UNLINK', unpack(keys))
    return redis.status_reply('OK')
  end,
})
