-- Forgets a return that has arrived in the account, once.
--
-- KEYS  1  the partition's slices (hash: account -> msgpack [1, fields of slices.py's Slice])
-- ARGV  1  account   2  number of the return
-- Returns 1 when it was under way, 0 when it was forgotten before. Atomic: the slice.

local RETURNED, RETURNS, RETURNING = 9, 10, 11

local held = redis.call("HGET", KEYS[1], ARGV[1])
local slice = held and cmsgpack.unpack(held)
if not slice or slice[RETURNING] == 0 or slice[RETURNS] + 1 ~= tonumber(ARGV[2]) then
  return 0
end
slice[RETURNED], slice[RETURNS], slice[RETURNING] = slice[RETURNED] + slice[RETURNING], slice[RETURNS] + 1, 0
redis.call("HSET", KEYS[1], ARGV[1], cmsgpack.pack(slice))
return 1
