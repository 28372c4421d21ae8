--[[
  admit_many: what admit_runs answers, for callers of releases before it. Goes when the last of them is gone.

  Promise    As admit_runs: every request is a run of one.
  Keys       per session: state, permits
  Arguments  permit_ttl_ms
             per session: count, then count times: window field, quota field, stock field, permit field
  Reply      as admit_runs
]]
redis.register_function('humiao_admit_many', function(keys, args)
  local call = begin_admitting(args)
  local at = 2
  for k = 1, #keys, 2 do
    local count = tonumber(args[at])
    local lengths = {}
    for run = 1, count do
      lengths[run] = 1
    end
    admit_session(call, keys[k], keys[k + 1], args, at + 1, at + count * 4, lengths)
    at = at + 1 + count * 4
  end
  return call.answers
end)
