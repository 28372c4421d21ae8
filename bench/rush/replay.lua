-- Sends the requests of a file, one after another, over one thread: wrk -t1 -s replay.lua URL -- FILE stream|loop
--   stream: each once, read as it is needed; if the file ends it begins anew, which `rounds` tells.
--   loop:   all read before the start, again and again: nothing is read while it is measured.
-- Prints one line of JSON. `sent` counts requests handed out; those without an answer at the end are sent - answered.
local file, mode, held, requests, place
local verified = false
sent, rounds = 0, 0

local function read_one()
  local length = file:read(6)
  if not length then
    file:seek("set", 0)
    rounds = rounds + 1
    length = file:read(6)
  end
  return file:read(tonumber(length))
end

function setup(thread)
  the_thread = thread
end

function init(args)
  file, mode = assert(io.open(args[1], "rb")), args[2]
  file:setvbuf("full", 4194304)
  if mode == "loop" then
    requests, place = {}, 0
    while rounds == 0 do
      requests[#requests + 1] = read_one()
    end
    requests[#requests] = nil
    rounds = 0
  end
end

function request()
  -- wrk asks once before the start to see what requests look like and does not send that one.
  if not verified then
    verified = true
    held = mode == "loop" and requests[1] or read_one()
    return held
  end
  sent = sent + 1
  if mode == "loop" then
    place = place % #requests + 1
    return requests[place]
  end
  if held then
    local first = held
    held = nil
    return first
  end
  return read_one()
end

function done(summary, latency, _)
  local errors = summary.errors
  print(string.format(
    '{"sent":%d,"rounds":%d,"answered":%d,"refused":%d,"broken":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f}',
    the_thread:get("sent"), the_thread:get("rounds"), summary.requests, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
