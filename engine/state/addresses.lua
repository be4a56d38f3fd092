-- Adds users to addresses and takes them away: the reverse index of the bindings.
--
-- KEYS[i]        the bucket (hash) of the i-th address; all in one partition
-- ARGV[1]        the most users an address may have
-- ARGV[4i-2]     the address's field: its digest, 10 bytes
-- ARGV[4i-1]     the user's id
-- ARGV[4i]       a version of the user
-- ARGV[4i+1]     '+' = add, with the version in which the user will hold the address;
--                '-' = take away, with a version in which the user was seen not to hold it
-- Result         for each 1 = done, 0 = the address has no room for one more user
--
-- Stored is [1, user id, version, user id, version, ...], packed; an entry keeps the highest version it was added with,
-- and is taken away only with that one or a later one. Whoever added it with a higher version may still be about to
-- write the user, and must find it afterwards. All of a call is atomic; an address without users has no field.

local most = tonumber(ARGV[1])
local opened, done = {}, {}

-- Each address is unpacked and packed once, however many of its users a call is about.
local function open(key, field)
  local name = key .. field
  local it = opened[name]
  if not it then
    local stored = redis.call('HGET', key, field)
    it = { key = key, field = field, list = stored and cmsgpack.unpack(stored) or { 1 }, changed = false }
    opened[name] = it
  end
  return it
end

local function place_of(list, user)
  for at = 2, #list, 2 do
    if list[at] == user then
      return at
    end
  end
end

local function add(it, user, version)
  local list = it.list
  local at = place_of(list, user)
  if not at then
    if #list > 2 * most then
      return 0
    end
    list[#list + 1] = user
    list[#list + 1] = version
    it.changed = true
  elseif list[at + 1] < version then
    list[at + 1] = version
    it.changed = true
  end
  return 1
end

local function take_away(it, user, version)
  local list = it.list
  local at = place_of(list, user)
  if at and list[at + 1] <= version then
    table.remove(list, at)
    table.remove(list, at)
    it.changed = true
  end
  return 1
end

for i = 1, #KEYS do
  local it = open(KEYS[i], ARGV[4 * i - 2])
  local change = ARGV[4 * i + 1] == '+' and add or take_away
  done[i] = change(it, ARGV[4 * i - 1], tonumber(ARGV[4 * i]))
end

for _, it in pairs(opened) do
  if it.changed then
    if #it.list == 1 then
      redis.call('HDEL', it.key, it.field)
    else
      redis.call('HSET', it.key, it.field, cmsgpack.pack(it.list))
    end
  end
end
return done
