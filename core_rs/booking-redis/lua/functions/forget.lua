--[[
  forget: an ended clinic session needs no cache.

  Promise    Nothing of the sessions is left; a later admit answers `rebuild`.
  Keys       per session: state, permits
  Arguments  none
  Reply      OK
]]
redis.register_function({
  function_name = 'humiao_forget',
  flags = { 'allow-oom' },
  callback = function(keys, _args)
    in_slices(#keys, function(first, last)
      redis.call('UNLINK', unpack(keys, first, last))
    end)
    return redis.status_reply('OK')
  end,
})
