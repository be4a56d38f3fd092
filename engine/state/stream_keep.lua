-- A consumer still works on these entries: they count as touched just now, unless somebody else has them meanwhile.
--
-- KEYS      streams of one partition
-- ARGV      group, consumer, then key number and entry id in turn
-- Result    for each entry 1 when it is still the consumer's, else 0
-- Atomic    all of it, so that a consumer that was stopped for long cannot take back what was claimed from it.

local group, consumer = ARGV[1], ARGV[2]

local kept = {}
for i = 3, #ARGV, 2 do
  local key, id = KEYS[tonumber(ARGV[i])], ARGV[i + 1]
  local pending = redis.pcall("XPENDING", key, group, id, id, 1, consumer)
  local ours = not pending.err and #pending == 1
  if ours then
    redis.call("XCLAIM", key, group, consumer, 0, id, "JUSTID")
  end
  kept[#kept + 1] = ours and 1 or 0
end
return kept
