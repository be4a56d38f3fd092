-- Changes to the messages of one partition, each one a compare-and-set on the record's version.
--
-- KEYS[1]   events of the partition (stream): one pointer is added for each record that changes
-- KEYS[2]   slices of the partition (hash): account -> msgpack [1, unit, left, spent, ...], in millionths of the unit
-- KEYS[3..] records (hashes), lanes (streams), timers and indexes (sorted sets), as the changes refer to them by number
--
-- ARGV[i]   one change, msgpack: [message id, key number of its record, the version it was computed from,
--             [field, value, ...]               to set
--             [field, ...]                      to delete
--             event bytes, how many events      appended to the field e and counted in c
--             1 final, 0 open again, -1 as it is
--             [lane, entry id, ...]             entries that are done with: acknowledged and deleted
--             [lane, step, ...]                 steps to enqueue
--             [sorted set, member, score, ...]  timers (score: due, milliseconds) and indexes; a score of -1 removes
--             [account, left, spent, ...]]      what is added to a slice, negative to take away
--
-- Result    for each change the record's version after it, 0 where it had another version: then nothing of that change
--           was done. Version 0 stands for "there is no record"; such a change moves entries, timers and indexes only,
--           and its result is 1. A change that writes nothing to the record leaves the version as it is.
-- Atomic    all of it; the changes are independent of each other and are done in their order.

local EVENTS, SLICES = KEYS[1], KEYS[2]

local function write(key, id, held, change)
  local version = tonumber(held[1])
  local sets, deletes, events, count, final = change[4], change[5], change[6], change[7], change[8]
  if #sets == 0 and #deletes == 0 and count == 0 and final == -1 then
    return version
  end
  if #deletes > 0 then
    redis.call("HDEL", key, unpack(deletes))
  end
  local n = #sets
  sets[n + 1], sets[n + 2] = "n", version + 1
  n = n + 2
  if count > 0 then
    sets[n + 1], sets[n + 2] = "e", (held[2] or "") .. events
    sets[n + 3], sets[n + 4] = "c", (tonumber(held[3]) or 0) + count
    n = n + 4
  end
  if final == 1 then
    sets[n + 1], sets[n + 2] = "z", 1
  elseif final == 0 then
    redis.call("HDEL", key, "z")
    redis.call("PERSIST", key)
  end
  redis.call("HSET", key, unpack(sets))
  redis.call("XADD", EVENTS, "*", "m", id)
  return version + 1
end

local function add_to_slice(account, left, spent)
  local packed = redis.call("HGET", SLICES, account)
  if packed then
    local slice = cmsgpack.unpack(packed)
    slice[3] = slice[3] + left
    slice[4] = slice[4] + spent
    redis.call("HSET", SLICES, account, cmsgpack.pack(slice))
  end
end

local function move(id, change)
  local done, steps, sets, slices = change[9], change[10], change[11], change[12]
  for i = 1, #done, 2 do
    local lane, entry = KEYS[done[i]], done[i + 1]
    redis.call("XACK", lane, "workers", entry)
    redis.call("XDEL", lane, entry)
  end
  for i = 1, #steps, 2 do
    redis.call("XADD", KEYS[steps[i]], "*", "m", id, "s", steps[i + 1])
  end
  for i = 1, #sets, 3 do
    if sets[i + 2] < 0 then
      redis.call("ZREM", KEYS[sets[i]], sets[i + 1])
    else
      redis.call("ZADD", KEYS[sets[i]], sets[i + 2], sets[i + 1])
    end
  end
  for i = 1, #slices, 3 do
    add_to_slice(slices[i], slices[i + 1], slices[i + 2])
  end
end

local versions = {}
for i, packed in ipairs(ARGV) do
  local change = cmsgpack.unpack(packed)
  local id, key, expected = change[1], KEYS[change[2]], change[3]
  local held = redis.call("HMGET", key, "n", "e", "c")
  if (tonumber(held[1]) or 0) ~= expected then
    versions[i] = 0
  else
    versions[i] = expected == 0 and 1 or write(key, id, held, change)
    move(id, change)
  end
end
return versions
