-- Takes an amount out of a slice, to be returned to its account; one return is under way at a time.
--
-- KEYS  1  the partition's slices (hash: account -> msgpack [1, fields of slices.py's Slice])
-- ARGV  1  account   2  the most to take, in micros
-- Returns [number, micros] of the return under way, begun now or before; nil when there is nothing to return.
-- Atomic: the slice.

local LEFT, RETURNS, RETURNING = 3, 10, 11

local held = redis.call("HGET", KEYS[1], ARGV[1])
if not held then
  return nil
end
local slice = cmsgpack.unpack(held)
if slice[RETURNING] == 0 then
  local micros = math.min(slice[LEFT], tonumber(ARGV[2]))
  if micros <= 0 then
    return nil
  end
  slice[LEFT], slice[RETURNING] = slice[LEFT] - micros, micros
  redis.call("HSET", KEYS[1], ARGV[1], cmsgpack.pack(slice))
end
return { slice[RETURNS] + 1, slice[RETURNING] }
