-- One round trip before the provider is called: limits, directive, hot memories, session, blocks already shown.
-- KEYS: 1 directive, 2 hot data, 3 end user's hot data, 4 session the caller may mean by its id, 5 and 6 how often 2 and 3
--   were written, then two for each limit: its counter, and the last minute's or the mark of a month added up lately; then
--   the providers' circuit breakers.
-- ARGV: 1 seconds that a counter of calls is kept, 2 number of limits, then for each limit: what it allows, the share of
--   its second key's number that still counts (0..1), and 1 if the call itself is counted now;
--   then the prefix of fingerprint keys, the prefix of shown-block keys, the session id to use when none is known,
--   the session id that key 4 stands for, the prefix of session keys, the fingerprint of all messages, 1 if
--   the call only looks and 0 if it goes on, the editions of 2 and 3 that this process knows, and the fingerprints to look
--   for. A session key holds `after:before:…`: the prints by which its last turn is known.
--   A session that the caller names is not looked for, only how much of the history is known.
-- Returns: 1 if a limit is full or 0, the numbers under each limit's keys, and unless refused: directive, hot data,
--   end user's hot data (of each its edition, and its values where that edition is not known), session id, number of the
--   matched fingerprint or 0, shown blocks, and of each breaker '1' while it is open.
local kept, limits = ARGV[1], tonumber(ARGV[2])
local counted, refused = {}, 0
if limits > 0 then counted = redis.call('MGET', unpack(KEYS, 7, 6 + 2 * limits)) end
for i = 1, limits do
  local used = tonumber(counted[2 * i - 1] or '0') + math.floor(tonumber(counted[2 * i] or '0') * tonumber(ARGV[3 * i + 1]))
  if used >= tonumber(ARGV[3 * i]) then refused = 1 end
end
if refused == 1 then return {refused, counted} end
for i = 1, limits do
  if ARGV[3 * i + 2] == '1' then
    redis.call('INCR', KEYS[5 + 2 * i])
    redis.call('EXPIRE', KEYS[5 + 2 * i], kept)
  end
end
local at = 3 + 3 * limits
local fingerprints, shown, session, named = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
local sessions, whole, looks = ARGV[at + 4], ARGV[at + 5], ARGV[at + 6]
local matched = 0
if named ~= '' and redis.call('EXISTS', KEYS[4]) == 1 then session = named end
for i = at + 9, #ARGV do
  local found = redis.call('GET', fingerprints .. ARGV[i])
  -- Empty: several sessions have claimed it, and nobody can tell which of them goes on.
  if found and found ~= '' then
    matched = i - at - 8
    local state = named == '' and redis.call('GET', sessions .. found)
    -- Its last turn, or that turn asked again: the same session. Any earlier turn: a fork of it, a session of its own.
    if state and (string.find(state, ARGV[i], 1, true) or string.find(state, ':' .. whole, 1, true)) then
      session = found
      -- Another call that goes on from the same turn meanwhile is a fork, as it would be after this one.
      if looks == '0' then redis.call('SET', sessions .. found, ':' .. whole, 'KEEPTTL') end
    end
    break
  end
end
local breakers = {}
for i = 7 + 2 * limits, #KEYS do breakers[#breakers + 1] = redis.call('GET', KEYS[i]) end
-- Each write raises the count of writes, and each rebuild has a time of its own.
local function desk(data, writes, known)
  local built = redis.call('HGET', data, 'built')
  if not built then return {'', {}} end
  local edition = built .. ' ' .. (redis.call('GET', writes) or '0')
  if edition == known then return {edition} end
  return {edition, redis.call('HVALS', data)}
end
local hot, hot_of_user = desk(KEYS[2], KEYS[5], ARGV[at + 7]), desk(KEYS[3], KEYS[6], ARGV[at + 8])
return {refused, counted, redis.call('GET', KEYS[1]), hot, hot_of_user, session,
  matched, redis.call('GET', shown .. session), breakers}
