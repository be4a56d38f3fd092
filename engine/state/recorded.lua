-- The records of one partition that the SQL side has now: what is final needs no body and no event log any more.
--
-- KEYS[1]   counters of the partition (hash): "unrecorded" bytes
-- KEYS[2]   dead letters of the partition (sorted set): they keep their body, to be sent anew
-- KEYS[3..] records (hashes)
-- ARGV[i]   of the record KEYS[2 + i], msgpack: [message id, the version that was recorded, the digests that take the
--           body's place or nil, how long the record stays from now on in milliseconds]
-- Result    for each 1 when the record is closed; 0 when it has changed since, is not final or is a dead letter
-- Atomic    all of it. What was recorded counts no longer as unrecorded (the field k, once), closed or not.

local closed = {}
for i, packed in ipairs(ARGV) do
  local id, version, digests, stays_ms = unpack(cmsgpack.unpack(packed), 1, 4)
  local key = KEYS[i + 2]
  local n, final, bytes, body = unpack(redis.call("HMGET", key, "n", "z", "k", "b"), 1, 4)
  if bytes then
    redis.call("HINCRBY", KEYS[1], "unrecorded", 0 - bytes)
    redis.call("HDEL", key, "k")
  end
  closed[i] = 0
  if tonumber(n) == version and final and not redis.call("ZSCORE", KEYS[2], id) then
    if body and digests then
      redis.call("HSET", key, "d", digests)
    end
    redis.call("HDEL", key, "b", "e")
    redis.call("PEXPIRE", key, stays_ms)
    closed[i] = 1
  end
end
return closed
