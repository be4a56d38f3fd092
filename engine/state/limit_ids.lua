-- Gives each name of a limit a number of its own, once and for ever.
--
-- KEYS  1  the numbers (hash: name -> number)
-- ARGV  names, in any order, repeats allowed
-- Returns their numbers, in the same order.
-- Atomic: two callers with the same new name get the same number, two names never share one. Numbers count from 1, and
-- no name is ever taken away, so the size of the hash is the last one given.

local numbers = {}
for place, name in ipairs(ARGV) do
  local number = redis.call("HGET", KEYS[1], name)
  if not number then
    number = redis.call("HLEN", KEYS[1]) + 1
    redis.call("HSET", KEYS[1], name, number)
  end
  numbers[place] = tonumber(number)
end
return numbers
