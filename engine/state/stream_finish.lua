-- Entries of one stream that are done with.
--
-- KEYS[1]   stream
-- ARGV      group, then entry ids
-- Result    how many were there
-- Atomic    all of it: an entry is never acknowledged and still there, or the other way round.

local deleted = 0
for i = 2, #ARGV do
  redis.call("XACK", KEYS[1], ARGV[1], ARGV[i])
  deleted = deleted + redis.call("XDEL", KEYS[1], ARGV[i])
end
return deleted
