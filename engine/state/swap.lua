-- Compare-and-set of one field of a hash.
--
-- KEYS[1]   hash
-- ARGV      field, the value it has ("" = absent), the value it shall have ("" = absent)
-- Result    1 when it was set, 0 when it had another value: then nothing was changed
-- Atomic    all of it.

if (redis.call("HGET", KEYS[1], ARGV[1]) or "") ~= ARGV[2] then
  return 0
end
if ARGV[3] == "" then
  redis.call("HDEL", KEYS[1], ARGV[1])
else
  redis.call("HSET", KEYS[1], ARGV[1], ARGV[3])
end
return 1
