-- Writes users whose version is still the one their new state was made from.
--
-- KEYS[i]        the bucket (hash) of the i-th user; all in one partition
-- ARGV[3i-2]     the user's field: the digest, 10 bytes
-- ARGV[3i-1]     the bytes with which the stored record must begin (format and version); empty: nothing must be stored
-- ARGV[3i]       the new record, packed
-- Result         for each user 1 = written, 0 = another version is stored and nothing was changed
--
-- Each user is compared and set as one; users do not depend on each other.

local written = {}
for i = 1, #KEYS do
  local field, mark = ARGV[3 * i - 2], ARGV[3 * i - 1]
  local stored = redis.call('HGET', KEYS[i], field)
  local same
  if mark == '' then
    same = not stored
  else
    same = stored and string.sub(stored, 1, #mark) == mark
  end
  if same then
    redis.call('HSET', KEYS[i], field, ARGV[3 * i])
    written[i] = 1
  else
    written[i] = 0
  end
end
return written
