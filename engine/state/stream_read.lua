-- New entries of some streams of one partition, the first stream's before the second's.
--
-- KEYS      streams, the most urgent first; a group that is missing is made, from the stream's beginning
-- ARGV      group, consumer, how many entries at most in all
-- Result    flat: key number, entry id, message id, step ("" where there is none), key number, ...
-- Atomic    all of it. The entries are the consumer's until they are acknowledged or claimed.

local group, consumer, room = ARGV[1], ARGV[2], tonumber(ARGV[3])

local function read(key)
  return redis.pcall("XREADGROUP", "GROUP", group, consumer, "COUNT", room, "STREAMS", key, ">")
end

local found, n = {}, 0
for number, key in ipairs(KEYS) do
  if room <= 0 then
    break
  end
  local reply = read(key)
  if reply and reply.err then
    if not string.find(reply.err, "NOGROUP", 1, true) then
      return reply
    end
    redis.call("XGROUP", "CREATE", key, group, "0", "MKSTREAM")
    reply = read(key)
  end
  for _, entry in ipairs(reply and reply[1][2] or {}) do
    local fields = entry[2]
    found[n + 1], found[n + 2], found[n + 3], found[n + 4] = number, entry[1], fields[2], fields[4] or ""
    n = n + 4
    room = room - 1
  end
end
return found
