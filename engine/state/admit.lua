-- Decides a group of messages of one partition, in order: checks that none was decided before, takes what their limits
-- and accounts let pass, and writes record, counts, charges, event, lane entries and timers. It knows one rule:
-- something taken = SEND; else something held = HOLD until the earliest; else DROP. `ledger_model.py` is its twin.
--
-- KEYS  1 events (stream)   2 slices (hash)   3 counters (hash)   4 dead letters   5-8 timers of P0 to P3 (sorted sets)
--       then the record (hash) of each message in order, then its user's bucket of the ledger (hash), again of each,
--       then others, counted from 1, which the arguments point at
-- ARGV  1 the caller's clock in ms, or "" when messages bring a time of their own
--       2 how many messages   3 the messages, msgpack values one after the other
--       4 variants, a msgpack array   5 ... shapes, a msgpack array each
--   message  id, user's field in the ledger, variant or 0, now ms, life's end ms, keys of its uses (8 bytes, or 0 for
--            the user alone), charges (field, micros, unit, field, ...), refusals by the rules (of each candidate; of
--            the message itself when it has no variant: then its timers' place follows), outline, body, the time until
--            which it counts ms, the user's next midnight ms, accounts asked everywhere (true = all, else a flag for
--            each charge), the paused scope's index (sorted set) or nil, earlier or nil
--   earlier  (a message that was decided before) version expected, life or "", was a step enqueued before, step in hand
--            or ""
--   variant  place of its shape, place of its timers, lanes of its candidates
--   shape    concurrent, [step number, wait ms, limits, charges] of each candidate
--   limit    use, number, max (-1 none), window ms (0 = day), least interval ms, hold, per step, rules of max and interval
--   charge   charge, per step, rule
--   refusal  reason, rule, held, until ms          charge micros are millionths of the unit
--
-- Returns for each message: a string, the admission: decided, all is written
--                           0: it is not as expected, nothing was changed
--                           [charge, micros, ...]: these accounts are short of so much here, nothing was changed
--                           [version, body, digests, outline, admission]: decided before, nothing was changed
-- Errors: CLOCKDIFFERS <ms>: the caller's clock is that much ahead of this machine's; nothing was changed.
-- Atomic: the whole group.

local EXPIRES_FIRST, CHANNEL_UNHEALTHY, LIMIT_REACHED, TOO_SOON = 4, 11, 14, 15
local BUDGET_EXHAUSTED, ACCOUNT_UNKNOWN, ACCOUNT_UNIT = 16, 17, 18
local MOST_TOUCHES = 2147483647
local LARGEST_GAP_MS = 1000
local MINUTE_MS = 60000
local MOST_VALUES = 3500
local NO_SHAPE = { false }
-- The packed slice of an account; `slices.py` has the whole.
local UNIT, LEFT, TAKEN = 2, 3, 8

local call, pack, char, floor = redis.call, cmsgpack.pack, string.char, math.floor

if ARGV[1] ~= "" then
  local time = call("TIME")
  local gap = tonumber(ARGV[1]) - (time[1] * 1000 + floor(time[2] / 1000))
  if gap > LARGEST_GAP_MS or gap < -LARGEST_GAP_MS then
    return redis.error_reply(string.format("CLOCKDIFFERS %d", gap))
  end
end

local variants, shapes = cmsgpack.unpack(ARGV[4]), {}
local messages = tonumber(ARGV[2])
local records, buckets, others = 8, 8 + messages, 8 + 2 * messages

-- The message at hand.
local now, expire, midnight, keys, charges, asked, bucket, user
-- What its user has used, read when it is needed: 1, base ms, then for each limit: number, key, start - base, length,
-- last - start, count, expiry - end. A length of whole minutes is stored as minutes, negative, which is shorter. It is
-- stored as msgpack values one after the other, which are read in half the time of an array; many are an array, because
-- Lua has room for a few thousand values at a time.
local used, base, size, counted
-- Where the limits of the candidate at hand are in it.
local places = {}
-- The slices met so far, by account; those from which something was taken; and what the message at hand has taken.
local balances, changed, paid = {}, {}, {}

local function length(stored)
  return stored < 0 and stored * -MINUTE_MS or stored
end

local function load_uses()
  local held = call("HGET", bucket, user)
  if not held then
    -- With room for four limits: growing step by step takes longer than all else here.
    used = { 1, now, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
    base, size = now, 2
    return
  end
  used = held:byte(1) == 1 and { cmsgpack.unpack(held) } or cmsgpack.unpack(held)
  base, size = used[2], #used
end

local function refuse_limits(asks, first)
  local held
  for k = 1, #asks do
    local ask = asks[k]
    if first or ask[7] then
      local max, number, key, at = ask[3], ask[2], keys[ask[1]], nil
      if max == 0 then
        return { LIMIT_REACHED, ask[8], false, 0 }
      end
      if not used then
        load_uses()
      end
      for entry = 3, size, 7 do
        if used[entry] == number and used[entry + 1] == key then
          at = entry
          break
        end
      end
      places[k] = at
      if at then
        local start = base + used[at + 2]
        local finish, passes = start + length(used[at + 3]), start + used[at + 4] + ask[5]
        -- Without an interval nothing is too soon, though messages that came together may be decided out of order.
        local full, soon = max > 0 and now < finish and used[at + 5] >= max, ask[5] > 0 and now < passes
        if full or soon then
          local rule = full and ask[8] or ask[9]
          if not ask[6] then
            return { full and LIMIT_REACHED or TOO_SOON, rule, false, 0 }
          end
          local till = full and finish or passes
          if soon and passes > till then
            till = passes
          end
          if till >= expire then
            return { EXPIRES_FIRST, rule, false, 0 }
          end
          if not held or till > held[4] then
            held = { full and LIMIT_REACHED or TOO_SOON, rule, true, till }
          end
        end
      end
    end
  end
  return held
end

local function count(asks, first)
  for k = 1, #asks do
    local ask = asks[k]
    if first or ask[7] then
      counted = true
      local at, finish = places[k], nil
      local start = at and base + used[at + 2]
      if at and now < start + length(used[at + 3]) then
        finish = start + length(used[at + 3])
        if used[at + 5] < MOST_TOUCHES then
          used[at + 5] = used[at + 5] + 1
        end
        if now > start + used[at + 4] then
          used[at + 4] = now - start
        end
      else
        if not at then
          at = size + 1
          size = size + 7
          used[at], used[at + 1] = ask[2], keys[ask[1]]
        end
        finish = ask[4] > 0 and now + ask[4] or midnight
        local span = finish - now
        used[at + 2] = now - base
        used[at + 3] = span % MINUTE_MS == 0 and -span / MINUTE_MS or span
        used[at + 4], used[at + 5] = 0, 1
      end
      local longer = now + ask[5] - finish
      used[at + 6] = longer > 0 and longer or 0
    end
  end
end

local function is_over(at)
  return now >= base + used[at + 2] + length(used[at + 3]) + used[at + 6]
end

-- What has stopped mattering goes whenever the rest is written.
local function packed_uses()
  local over = false
  for at = 3, size, 7 do
    over = over or is_over(at)
  end
  if not over then
    return size <= MOST_VALUES and pack(unpack(used, 1, size)) or pack(used)
  end
  local kept, next, from = { 1 }, 3, nil
  for at = 3, size, 7 do
    if not is_over(at) then
      from = from or used[at + 2]
      for place = 0, 6 do
        kept[next + place] = used[at + place]
      end
      kept[next + 2] = used[at + 2] - from
      next = next + 7
    end
  end
  kept[2] = base + from
  return next <= MOST_VALUES and pack(unpack(kept)) or pack(kept)
end

local function balance_of(field)
  local balance = balances[field]
  if balance == nil then
    local held = call("HGET", KEYS[2], field)
    balance = held and cmsgpack.unpack(held) or false
    balances[field] = balance
  end
  return balance
end

local function asked_everywhere(charge)
  return asked == true or (asked and asked[charge])
end

-- Returns a refusal, nil, or true when the account must be asked for more first.
local function refuse_charges(asks, first)
  local wanted
  for k = 1, #asks do
    local ask = asks[k]
    if first or ask[2] then
      local at = ask[1] * 3
      local field, sum = charges[at - 2], charges[at - 1]
      local balance = balance_of(field)
      if balance and balance[UNIT] ~= charges[at] then
        return { ACCOUNT_UNIT, ask[3], false, 0 }
      end
      if #asks > 1 then
        wanted = wanted or {}
        sum = sum + (wanted[field] or 0)
        wanted[field] = sum
      end
      if not balance or sum > balance[LEFT] then
        if not asked_everywhere(ask[1]) then
          return true
        end
        return { balance and BUDGET_EXHAUSTED or ACCOUNT_UNKNOWN, ask[3], false, 0 }
      end
    end
  end
end

local function move(field, micros)
  local balance = balances[field]
  balance[LEFT], balance[TAKEN] = balance[LEFT] - micros, balance[TAKEN] + micros
  changed[field] = balance
end

local function pay(asks, first)
  for k = 1, #asks do
    local ask = asks[k]
    if first or ask[2] then
      local at = ask[1] * 3
      move(charges[at - 2], charges[at - 1])
      paid[#paid + 1] = at
    end
  end
end

-- Nothing of the message at hand is done after all.
local function give_back()
  for k = 1, #paid do
    move(charges[paid[k] - 2], -charges[paid[k] - 1])
  end
end

-- Which accounts would be short if every candidate that the rules leave open were taken: all are asked for in one go.
local function shortage(shape, refusals)
  local sums, charge_of, seen, short = {}, {}, {}, {}
  for index = 1, #shape - 1 do
    local asks = shape[index + 1][4]
    for k = 1, refusals and refusals[index] and 0 or #asks do
      local charge, per_step = asks[k][1], asks[k][2]
      if per_step or not seen[charge] then
        local field = charges[charge * 3 - 2]
        seen[charge], charge_of[field] = true, charge
        sums[field] = (sums[field] or 0) + charges[charge * 3 - 1]
      end
    end
  end
  for field, sum in pairs(sums) do
    local balance = balance_of(field)
    if not balance or sum > balance[LEFT] then
      short[#short + 1] = charge_of[field]
      short[#short + 1] = sum
    end
  end
  return short
end

-- ---- what is written ----

local texts = {}
local function text(number)
  local written = texts[number]
  if not written then
    written = string.format("%.0f", number)
    texts[number] = written
  end
  return written
end

local function array(length_of)
  return length_of < 16 and char(144 + length_of) or "\220" .. struct.pack(">I2", length_of)
end

local function blob(bytes)
  return "\198" .. struct.pack(">I4", #bytes) .. bytes
end

-- msgpack [1, [taken], [each candidate's refusal or nil]]. Most messages have the same few.
local plain = {}
local function packed_admission(taken, refused, refusals, candidates)
  local usual = not refused and not taken[2] and candidates * 1000 + taken[1]
  if usual and plain[usual] then
    return plain[usual]
  end
  local parts = { "\147\1", array(#taken), "", array(candidates) }
  for k = 1, #taken do
    parts[3] = parts[3] .. pack(taken[k])
  end
  for index = 1, candidates do
    parts[index + 4] = refusals[index] and pack(refusals[index]) or "\192"
  end
  local packed = table.concat(parts)
  if usual then
    plain[usual] = packed
  end
  return packed
end

-- msgpack [1, now, DECIDED, 0, detail]. The first decision stays in the record, so its event need not repeat it; a later
-- one is replaced by the next, so its event tells all.
local decided = {}
local function decided_event()
  local event = decided[now]
  if not event then
    event = "\149\1" .. pack(now) .. "\1\0\128"
    decided[now] = event
  end
  return event
end

local function decided_again_event(outline, admission)
  return "\149\1" .. pack(now) .. "\1\0\130\167outline" .. blob(outline) .. "\169admission" .. blob(admission)
end

local function may_pass_later(refusal)
  return not refusal or refusal[3] or refusal[1] == CHANNEL_UNHEALTHY
end

local function enqueue(id, taken, shape, variant, refusals, in_hand)
  for k = 1, #taken do
    local index = taken[k] + 1
    local number, wait, goes_on = shape[index + 1][1], shape[index + 1][2], false
    if number ~= in_hand then
      call("XADD", KEYS[others + variant[3][index]], "*", "m", id, "s", number)
    end
    for later = index + 1, wait > 0 and #shape - 1 or 0 do
      goes_on = goes_on or may_pass_later(refusals[later])
    end
    if goes_on then
      call("ZADD", KEYS[variant[2]], text(now + wait), id .. "#WAIT#" .. number)
    end
  end
end

-- Until when a message is held of which nothing was taken: 0 = nobody knows, nil = it is not.
local function held_until(refusals, candidates)
  local till
  for index = 1, candidates do
    local refusal = refusals[index]
    if refusal and refusal[3] and (not till or till == 0 or (refusal[4] > 0 and refusal[4] < till)) then
      till = refusal[4]
    end
  end
  return till
end

local function hold(id, till, timers, scope)
  if till > 0 then
    call("ZADD", timers, text(till), id .. "#HOLD#0")
  else
    call("ZADD", timers, text(expire), id .. "#EXPIRE#0")
    if scope then
      call("ZADD", KEYS[others + scope], text(now), id)
    end
  end
end

local unrecorded, written = 0, {}
local function write_first(record, version, until_ms, body, outline, admission)
  local event = decided_event()
  local bytes = #body + #outline + #admission + #event
  unrecorded = unrecorded + bytes
  written[record] = true
  call("HSET", record, "n", version, "u", text(until_ms), "x", text(expire), "c", "1", "k", text(bytes), "e", event,
    "a", admission, "p", outline, "b", body)
end

local function write_again(record, held, life, outline, admission)
  local event = (held[3] or "") .. decided_again_event(outline, admission)
  call("HSET", record, "n", text(held[1] + 1), "q", outline, "r", admission, "e", event, "c", text(held[2] + 1))
  if life ~= "" then
    call("HSET", record, "l", life)
  end
  if held[4] then
    call("HDEL", record, "z")
  end
end

-- ---- the decision ----

-- Returns the candidates taken, the refusals, and whether there is any; or true when accounts must be asked first.
local function judge(shape, refused_by_rules)
  local taken, refusals, refused = {}, {}, false
  for index = 1, #shape - 1 do
    local refusal = refused_by_rules and refused_by_rules[index]
    if not refusal and (shape[1] or not taken[1]) then
      local first, one = not taken[1], shape[index + 1]
      refusal = refuse_limits(one[3], first) or refuse_charges(one[4], first)
      if refusal == true then
        return true
      elseif not refusal then
        count(one[3], first)
        pay(one[4], first)
        taken[#taken + 1] = index - 1
      end
    end
    refusals[index] = refusal or nil
    refused = refused or refusal
  end
  return taken, refusals, refused
end

local function shape_of(variant)
  local shape = shapes[variant[1]]
  if not shape then
    shape = cmsgpack.unpack(ARGV[4 + variant[1]])
    shapes[variant[1]] = shape
  end
  return shape
end

-- What is known of a request that has a record; nil and the next version when its time is over and a new life begins.
local function known(record, id)
  local held = call("HMGET", record, "n", "b", "d", "p", "a", "u", "z")
  if not held[7] or now < tonumber(held[6]) then
    return { tonumber(held[1]), held[2], held[3], held[4], held[5] }
  elseif held[2] and call("ZREM", KEYS[4], id) == 0 then
    return 0 -- its last events are not recorded yet, and would be lost
  end
  call("DEL", record)
  -- Not 1: whoever still has the old life in mind must not take the new one for it.
  return nil, text(held[1] + 1)
end

-- Most groups are new to the last message, which one question tells.
local some_known = call("EXISTS", unpack(KEYS, records + 1, buckets)) > 0

-- Says what stands against deciding a message: an answer; or nil, and the record's next version, or what it holds.
local function before(record, id, earlier)
  if earlier then
    local held = call("HMGET", record, "n", "c", "e", "z")
    if tonumber(held[1]) ~= earlier[1] then
      return 0
    end
    return nil, nil, held
  elseif (some_known or written[record]) and call("EXISTS", record) == 1 then
    return known(record, id)
  end
  return nil, "1"
end

-- Decides one message, given what was packed of it.
local function decide(place, id, user_, variant, now_, expire_, keys_, charges_, by_rules, outline, body, until_ms,
  midnight_, asked_, scope, earlier)
  user, now, expire, keys, charges, midnight, asked = user_, now_, expire_, keys_, charges_, midnight_, asked_
  local record = KEYS[records + place]
  bucket, used, counted = KEYS[buckets + place], nil, false
  if paid[1] then
    paid = {}
  end
  local answer, version, held = before(record, id, earlier)
  if answer then
    return answer
  end

  local shape, taken, refusals, refused, admission, timers = NO_SHAPE, {}, { by_rules }, true, "\147\1\144\144", nil
  variant = variants[variant]
  if variant then
    shape, timers = shape_of(variant), KEYS[variant[2]]
    taken, refusals, refused = judge(shape, by_rules)
    if taken == true then
      give_back()
      return shortage(shape, by_rules)
    end
    admission = packed_admission(taken, refused, refusals, #shape - 1)
  else
    timers = KEYS[by_rules[5]]
  end

  if held then
    write_again(record, held, earlier[2], outline, admission)
  else
    write_first(record, version, until_ms, body, outline, admission)
  end
  call("XADD", KEYS[1], "*", "m", id)
  if taken[1] then
    enqueue(id, taken, shape, variant, refusals, earlier and earlier[4])
    if counted then
      call("HSET", bucket, user, packed_uses())
    end
  else
    local till = held_until(refusals, math.max(#shape - 1, 1))
    if till then
      hold(id, till, timers, scope)
    elseif not (earlier and earlier[3]) then
      call("HSET", record, "z", "1")
    end
  end
  return admission
end

local results, from = {}, 0
local function step(place, after, ...)
  from = after
  return decide(place, ...)
end
for place = 1, messages do
  results[place] = step(place, cmsgpack.unpack_limit(ARGV[3], 15, from))
end
if unrecorded > 0 then
  call("HINCRBY", KEYS[3], "unrecorded", text(unrecorded))
end
for field, balance in pairs(changed) do
  call("HSET", KEYS[2], field, pack(balance))
end
return results
