-- Entries that nobody cared about for a while become this consumer's: their worker is dead or hangs.
--
-- KEYS      streams of one partition, the most urgent first; one without the group is passed over
-- ARGV      group, consumer, for how long untouched (milliseconds, by Redis' clock), how many entries at most in all
-- Result    flat: key number, entry id, message id, step ("" where there is none), how often delivered, ...
-- Atomic    all of it. XPENDING and XCLAIM rather than XAUTOCLAIM: that of Redis 6.2 does not say which entries are
--           deleted and leaves them pending for ever; here they are acknowledged.

local group, consumer, idle_ms, room = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local found, n = {}, 0
for number, key in ipairs(KEYS) do
  if room <= 0 then
    break
  end
  local pending = redis.pcall("XPENDING", key, group, "IDLE", idle_ms, "-", "+", room)
  for _, one in ipairs(pending.err and {} or pending) do
    local entry = redis.call("XCLAIM", key, group, consumer, idle_ms, one[1])[1]
    local fields = entry and entry[2]
    if fields then
      found[n + 1], found[n + 2], found[n + 3] = number, one[1], fields[2]
      found[n + 4], found[n + 5] = fields[4] or "", one[4] + 1
      n = n + 5
      room = room - 1
    else
      redis.call("XACK", key, group, one[1])
    end
  end
end
return found
