-- Takes away the users of one bucket of the ledger of whom nothing counts any more.
--
-- KEYS  1  the bucket (hash: user -> what is used, packed as ledger.py says)
-- ARGV  1  now in ms
-- Returns how many users went. Atomic: the bucket; a user who is touched again begins anew, as with an expired entry.

local now, gone = tonumber(ARGV[1]), 0
local all = redis.call("HGETALL", KEYS[1])
for at = 1, #all, 2 do
  local held, over = all[at + 1], true
  local used = held:byte(1) == 1 and { cmsgpack.unpack(held) } or cmsgpack.unpack(held)
  for entry = 3, #used, 7 do
    local length = used[entry + 3]
    local finish = used[2] + used[entry + 2] + (length < 0 and length * -60000 or length)
    over = over and now >= finish + used[entry + 6]
  end
  if over then
    redis.call("HDEL", KEYS[1], all[at])
    gone = gone + 1
  end
end
return gone
