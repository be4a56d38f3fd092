-- Messages that the pause of a line or a campaign held fall due.
--
-- KEYS[1]    the messages it holds in one partition (sorted set)
-- KEYS[2..5] timers of P0, P1, P2, P3 (sorted sets)
-- ARGV       now (milliseconds), how many messages at most
-- Result     how many were moved
-- Atomic     all of it: a message is in the index or has its HOLD timer, never neither.
--
-- The index does not know priorities; a held message has an EXPIRE timer, and the set that holds it tells.

local moved = redis.call("ZRANGE", KEYS[1], 0, tonumber(ARGV[2]) - 1)
for _, id in ipairs(moved) do
  local timers = KEYS[5]
  for rank = 2, 4 do
    if redis.call("ZSCORE", KEYS[rank], id .. "#EXPIRE#0") then
      timers = KEYS[rank]
      break
    end
  end
  redis.call("ZADD", timers, ARGV[1], id .. "#HOLD#0")
  redis.call("ZREM", KEYS[1], id)
end
return #moved
