-- Adds what one process measured to a breaker window.
--
-- KEYS[1]   the window (hash): "<kind>\0<name>" -> msgpack [1, count, errors, timeouts, longest run of timeouts, the
--           run of timeouts at its end]
-- KEYS[2]   the windows that were not judged yet (sorted set by start)
-- ARGV[1]   the window's start (milliseconds), ARGV[2] how long it is kept (milliseconds, by Redis' clock)
-- ARGV[3..] subject, then msgpack [count, errors, timeouts, longest run, run at the beginning, run at the end], in turn
-- Result    nothing
-- Atomic    all of it. Measurements of several processes follow each other in the order in which they are added.

for i = 3, #ARGV, 2 do
  local subject, more = ARGV[i], cmsgpack.unpack(ARGV[i + 1])
  local packed = redis.call("HGET", KEYS[1], subject)
  local sum = packed and cmsgpack.unpack(packed) or { 1, 0, 0, 0, 0, 0 }
  local joined = sum[6] + more[5]
  sum[5] = math.max(sum[5], more[4], joined)
  sum[6] = more[3] == more[1] and joined or more[6]
  sum[2], sum[3], sum[4] = sum[2] + more[1], sum[3] + more[2], sum[4] + more[3]
  redis.call("HSET", KEYS[1], subject, cmsgpack.pack(sum))
end
redis.call("PEXPIRE", KEYS[1], ARGV[2])
redis.call("ZADD", KEYS[2], ARGV[1], ARGV[1])
return false
