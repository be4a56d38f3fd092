-- Keeps a receipt that names an attempt in a way that nobody knows, unless it is known by now.
--
-- KEYS[1]   which attempt the name stands for (string, packed)
-- KEYS[2]   the receipts kept for the name (hash: kind -> packed receipt)
-- KEYS[3]   names with such receipts in this partition (sorted set; the score is when they are forgotten, milliseconds)
-- ARGV      the name's digest, kind, packed receipt, for how long it is kept (milliseconds), how many names at most
-- Result    the attempt, when it is known: then nothing was kept; else 1 when the receipt is kept, 0 when there are too
--           many
-- Atomic    all of it: a receipt is kept before the attempt's name is written, and found then, or after, and handed on.
--           Times are by Redis' clock; this is garbage collection and nothing depends on it.

local attempt = redis.call("GET", KEYS[1])
if attempt then
  return attempt
end
local time = redis.call("TIME")
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call("ZREMRANGEBYSCORE", KEYS[3], "-inf", now_ms)
if not redis.call("ZSCORE", KEYS[3], ARGV[1]) and redis.call("ZCARD", KEYS[3]) >= tonumber(ARGV[5]) then
  return 0
end
redis.call("ZADD", KEYS[3], now_ms + ARGV[4], ARGV[1])
redis.call("HSETNX", KEYS[2], ARGV[2], ARGV[3])
redis.call("PEXPIRE", KEYS[2], ARGV[4])
return 1
