-- A counter that is taken from the hash once: earlier runs of the same call may have changed it in memory.
local function known_counter(counters, field, packed)
  local counter = counters[field]
  if counter == nil then
    counter = packed and unpack_counter(packed)
    counters[field] = counter
  end
  return counter
end

-- The status of a session, then what its state holds for `args[first..last]`.
local function status_and_values(state_key, args, first, last)
  if last - first < 1000 then
    return redis.call('HMGET', state_key, 'st', unpack(args, first, last))
  end
  return values_in_order(state_key, { 'st', unpack(args, first, last) })
end

-- Writes the permits lent (`written` values in each list of the call) and the counters that have changed.
local function write_lent(state_key, permits_key, call, counters, written)
  local writes, adds = call.writes, call.adds
  in_slices(written, function(from, to)
    redis.call('ZADD', permits_key, unpack(adds, from, to))
  end)
  for field, counter in pairs(counters) do
    if counter and counter.changed then
      writes[written + 1] = field
      writes[written + 2] = pack_counter(counter)
      written = written + 2
    end
  end
  in_slices(written, function(from, to)
    redis.call('HSET', state_key, unpack(writes, from, to))
  end)
end

-- Decides the requests of one session in their order, lends the permits granted, and appends the answers.
-- call: what all sessions of a call share (see begin_admitting)
-- args[first..last]: per run (requests in a row for the same place) window field, quota field, stock field, permits
-- lengths: how many permits each run has
local function admit_session(call, state_key, permits_key, args, first, last, lengths)
  local now_ms, expires_ms, answers = call.now_ms, call.expires_ms, call.answers
  local writes, adds = call.writes, call.adds
  sweep(state_key, permits_key, now_ms)

  local values = status_and_values(state_key, args, first, last)
  local status = values[1]
  local answered = #answers
  local counters, lent = {}, {}
  local written = 0
  local at, value_at = first, 2
  for _, length in ipairs(lengths) do
    local w, q, v = args[at], args[at + 1], args[at + 2]
    local window = known_counter(counters, w, values[value_at])
    local quota = known_counter(counters, q, values[value_at + 1])
    local stock = known_counter(counters, v, values[value_at + 2])
    at, value_at = at + 2, value_at + 2

    local refusal, from_ms = 'rebuild', nil
    if status then
      refusal, from_ms = refuse_all(now_ms, status == 'open', window, quota, stock)
    end
    if refusal then
      local answer = from_ms and { refusal, from_ms } or refusal
      for i = answered + 1, answered + length do
        answers[i] = answer
      end
    else
      local left, full = room_left(now_ms, window, quota, stock)
      local occupied = w .. ' ' .. q .. ' ' .. v
      local granted = 0
      for i = 1, length do
        local permit = args[at + i]
        if values[value_at + i] or lent[permit] then
          answers[answered + i] = 'in_flight'
        elseif granted >= left then
          answers[answered + i] = full
        else
          answers[answered + i] = 'granted'
          granted = granted + 1
          lent[permit] = true
          writes[written + 1] = permit
          writes[written + 2] = occupied
          adds[written + 1] = expires_ms
          adds[written + 2] = permit
          written = written + 2
        end
      end
      if granted > 0 then
        window.live, window.changed = window.live + granted, true
        quota.live, quota.changed = quota.live + granted, true
        stock.live, stock.changed = stock.live + granted, true
      end
    end
    answered = answered + length
    at, value_at = at + length + 1, value_at + length + 1
  end

  if written > 0 then
    write_lent(state_key, permits_key, call, counters, written)
  end
end

-- What all sessions of one call share. `writes` and `adds` because a list that has grown need not grow again; what
-- another session left in them is never read.
local function begin_admitting(args)
  local now_ms = now(args)
  return {
    now_ms = now_ms,
    -- As text, because the server would format and parse a number again for every permit.
    expires_ms = string.format('%d', now_ms + tonumber(args[1])),
    answers = {},
    writes = {},
    adds = {},
  }
end
