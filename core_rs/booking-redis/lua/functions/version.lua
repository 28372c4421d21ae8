--[[
  version: which library is loaded here?

  Promise    Answers the version that the client computed over the text it loaded, so that the two can be compared.
  Keys       none
  Arguments  none
  Reply      the version text
]]
redis.register_function({
  function_name = 'humiao_version',
  flags = { 'no-writes', 'allow-stale' },
  callback = function(_keys, _args)
    return LIBRARY_VERSION
  end,
})
