-- Gives a lease back.
--
-- KEYS[1]   the lease (string: its holder)
-- ARGV[1]   who has it
-- Result    1 when it was the caller's, else 0: then nothing was changed
-- Atomic    all of it.

if redis.call("GET", KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call("DEL", KEYS[1])
