"""What Redis does in one step, in its own language.

A subject has two values, which expire by themselves: `used:SUBJECT`, its windows of requests and of tokens, each a flat
list of (time of the last use in a second, use in that second), as `limits/window.py` has them; and `open:SUBJECT`, its
open calls, each with the moment at which its lease runs out. Times are microseconds on the server's clock; those of
leases are milliseconds.
"""

_TIME = """
local SPAN, SECOND = 60000000, 1000000
local now = tonumber(ARGV[1])
if now < 0 then
  local time = redis.call('TIME')
  now = time[1] * SECOND + time[2]
end
local now_ms = math.floor(now / 1000)
"""

_WINDOWS = """
local function load(key)
  local packed = redis.call('GET', key)
  local used = packed and cmsgpack.unpack(packed) or {{}, {}}
  for n = 1, 2 do
    local kept, window = {}, used[n]
    for i = 1, #window, 2 do
      if window[i] > now - SPAN then
        kept[#kept + 1] = math.min(window[i], now) -- later than now: the clock went back
        kept[#kept + 1] = window[i + 1]
      end
    end
    used[n] = kept
  end
  return used
end
local function save(key, used)
  redis.call('SET', key, cmsgpack.pack(used), 'PX', 61000)
end
local function add(window, amount)
  local n = #window
  if n > 0 and math.floor(window[n - 1] / SECOND) == math.floor(now / SECOND) then
    window[n - 1] = now
    window[n] = window[n] + amount
  else
    window[n + 1] = now
    window[n + 2] = amount
  end
end
"""

TAKE = f"""{_TIME}{_WINDOWS}
-- KEYS: used and open of each subject. ARGV: now (-1: the server's), permit, lease, and for each subject the requests,
-- tokens and calls that are allowed (-1: any number) and the tokens to reserve.
local function wait(window, most, amount)
  local over = amount - most
  for i = 2, #window, 2 do over = over + window[i] end
  if over <= 0 then return 0 end
  for i = 1, #window, 2 do
    over = over - window[i + 1]
    if over <= 0 then return window[i] + SPAN - now end
  end
  return SPAN
end
local worst, subject, measure = 0, 0, 0
local function look(waits, s, n)
  if waits > worst then worst, subject, measure = waits, s, n end
end
local all = {{}}
for s = 1, #KEYS / 2 do
  local a = 4 * s
  local requests, tokens, calls = tonumber(ARGV[a]), tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local used
  if requests >= 0 or tokens >= 0 then used = load(KEYS[2 * s - 1]) end
  if requests >= 0 then look(wait(used[1], requests, 1), s, 1) end
  if tokens >= 0 then look(wait(used[2], tokens, tonumber(ARGV[a + 3])), s, 2) end
  if calls >= 0 then
    redis.call('ZREMRANGEBYSCORE', KEYS[2 * s], '-inf', now_ms)
    if redis.call('ZCARD', KEYS[2 * s]) >= calls then look(SECOND, s, 3) end
  end
  all[s] = used or false
end
if worst > 0 then return {{0, subject, measure, worst}} end
for s = 1, #KEYS / 2 do
  local a, used = 4 * s, all[s]
  if used then
    if tonumber(ARGV[a]) >= 0 then add(used[1], 1) end
    local reserved = tonumber(ARGV[a + 3])
    if reserved > 0 then add(used[2], reserved) end
    save(KEYS[2 * s - 1], used)
  end
  if tonumber(ARGV[a + 2]) >= 0 then
    local lease = tonumber(ARGV[3])
    redis.call('ZADD', KEYS[2 * s], now_ms + lease, ARGV[2])
    redis.call('PEXPIRE', KEYS[2 * s], 2 * lease)
  end
end
return {{1, math.floor(now / SECOND)}}
"""

END = f"""{_TIME}{_WINDOWS}
-- KEYS: as above. ARGV: now, permit, tokens that were used, and for each subject the tokens that were reserved (-1: its
-- tokens are not counted) and the second in which they are.
local tokens = tonumber(ARGV[3])
for s = 1, #KEYS / 2 do
  redis.call('ZREM', KEYS[2 * s], ARGV[2])
  local reserved, second = tonumber(ARGV[2 * s + 2]), tonumber(ARGV[2 * s + 3])
  if reserved >= 0 and tokens ~= reserved then
    local used = load(KEYS[2 * s - 1])
    local window = used[2]
    if tokens > reserved then add(window, tokens - reserved) end
    for i = 1, #window, 2 do
      if tokens < reserved and math.floor(window[i] / SECOND) == second then
        window[i + 1] = math.max(0, window[i + 1] - (reserved - tokens))
      end
    end
    save(KEYS[2 * s - 1], used)
  end
end
return 1
"""

BEAT = f"""{_TIME}
-- KEYS: the processes, then open of a subject for each call. ARGV: now, lease, process, 1 to add calls that are not
-- known, then the permits.
local lease = tonumber(ARGV[2])
local known = redis.call('ZSCORE', KEYS[1], ARGV[3])
local adds = ARGV[4] == '1' or not known or tonumber(known) <= now_ms
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms)
redis.call('ZADD', KEYS[1], now_ms + lease, ARGV[3])
redis.call('PEXPIRE', KEYS[1], 2 * lease)
for i = 2, #KEYS do
  if adds then
    redis.call('ZADD', KEYS[i], now_ms + lease, ARGV[i + 3])
  else
    redis.call('ZADD', KEYS[i], 'XX', now_ms + lease, ARGV[i + 3])
  end
  redis.call('PEXPIRE', KEYS[i], 2 * lease)
end
return {{redis.call('ZCARD', KEYS[1]), adds and 1 or 0}}
"""
