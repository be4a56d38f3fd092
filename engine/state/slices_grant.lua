-- Adds a grant to a slice, once.
--
-- KEYS  1  the partition's slices (hash: account -> msgpack [1, fields of slices.py's Slice])
-- ARGV  1  account   2  its unit   3  amount in micros   4  number of the grant, from 1   5  now in ms
-- Returns the slice, packed. Its number of grants is at least ARGV 4 when the grant is in it; it is less when an earlier
-- grant is missing, and then nothing was changed (an empty slice is returned where there is none).
-- Errors: UNITDIFFERS: the slice is in another unit. Atomic: the slice.

local UNIT, LEFT, GRANTED, GRANTS, GRANTED_MS, TAKEN = 2, 3, 5, 6, 7, 8

local held = redis.call("HGET", KEYS[1], ARGV[1])
local slice = held and cmsgpack.unpack(held) or { 1, ARGV[2], 0, 0, 0, 0, 0, 0, 0, 0, 0 }
if slice[UNIT] ~= ARGV[2] then
  return redis.error_reply("UNITDIFFERS the slice is in " .. slice[UNIT] .. ", the grant in " .. ARGV[2])
end
if slice[GRANTS] + 1 == tonumber(ARGV[4]) then
  local micros = tonumber(ARGV[3])
  slice[LEFT], slice[GRANTED] = slice[LEFT] + micros, slice[GRANTED] + micros
  slice[GRANTS], slice[GRANTED_MS], slice[TAKEN] = slice[GRANTS] + 1, tonumber(ARGV[5]), 0
  redis.call("HSET", KEYS[1], ARGV[1], cmsgpack.pack(slice))
end
return cmsgpack.pack(slice)
