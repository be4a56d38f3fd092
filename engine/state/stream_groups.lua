-- Makes the group of each stream, from the stream's beginning, and removes consumers that are gone and own nothing.
--
-- KEYS      streams of one partition
-- ARGV      group, after how long of silence a consumer counts as gone (milliseconds, by Redis' clock)
-- Result    how many consumers were removed
-- Atomic    all of it: a consumer that owns an entry stays, since the entry would be lost with it.

local group, silent_ms = ARGV[1], tonumber(ARGV[2])

local removed = 0
for _, key in ipairs(KEYS) do
  local made = redis.pcall("XGROUP", "CREATE", key, group, "0", "MKSTREAM")
  if made.err then
    if not string.find(made.err, "BUSYGROUP", 1, true) then
      return made
    end
    for _, consumer in ipairs(redis.call("XINFO", "CONSUMERS", key, group)) do
      local about = {}
      for i = 1, #consumer, 2 do
        about[consumer[i]] = consumer[i + 1]
      end
      if about.pending == 0 and about.idle > silent_ms then
        redis.call("XGROUP", "DELCONSUMER", key, group, about.name)
        removed = removed + 1
      end
    end
  end
end
return removed
