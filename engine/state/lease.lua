-- Takes or renews a lease.
--
-- KEYS[1]   the lease (string: its holder)
-- ARGV      who wants it, for how long (milliseconds, by Redis' clock)
-- Result    1 when it is the caller's, 0 when it is another's
-- Atomic    all of it.

local holder = redis.call("GET", KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return 1
