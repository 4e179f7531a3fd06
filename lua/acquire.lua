-- acquire: takes a generation lease if nobody holds it, and if its generation is still the one that the caller knows.
--
-- KEYS[1] lease    flow:{@lease:<name>}, also the channel
-- KEYS[2] timer    flow:{@lease:<name>}:timer
-- ARGV[1] publish  PUBLISH, or SPUBLISH in Cluster
-- ARGV[2] owner    token of this acquisition: the same each time it is sent, never used for another
-- ARGV[3] leaseMs  how long it is held, if it is not freed before
-- ARGV[4…] options name, value pairs:
--   expectedGeneration  take it only while the generation is this one
--   advanceGeneration   1: the generation grows by one, for everybody who knows an older one to be refused from now on
--
-- Replies: verdict, head; see the contract.
--   acquired  the lease is the caller's until leaseUntil; the generation is shown, advanced if it was asked for
--   held      somebody else holds it, until leaseUntil
--   stale     the generation is not the expected one
--   over      this owner had it before and freed it
--
-- Invariant: one holder at a time; a generation never shrinks, and survives its last holder by 24 hours. Replayed, it takes nothing twice.

-- @include arguments
-- @include options
-- @include words
-- @include time
-- @include next_fence
-- @include hold

local function acquire(keys, arguments)
  verb_of(keys, arguments, 3)
  check_keys(keys)
  local owner, lease = token('owner', arguments[2]), integer('leaseMs', arguments[3], 1, MAX_MS)
  local given = options_of(arguments, 4, ' expectedGeneration advanceGeneration ')
  local expected = given.expectedGeneration and integer('expectedGeneration', given.expectedGeneration, 0, 9007199254740991)
  if given.advanceGeneration and given.advanceGeneration ~= '1' then refuse('FLOWARG', 'advanceGeneration must be 1') end
  local now = clock()
  local hold = load_hold(keys)
  if hold.owner == owner then return hold_reply('acquired', now, hold) end
  if hold.freed == owner then return hold_reply('over', now, hold) end
  if expected and tonumber(hold.generation) ~= expected then return hold_reply('stale', now, hold) end
  if is_held(hold, now) then return hold_reply('held', now, hold) end
  -- The timer of a lease that is free is not there; whatever is there must be one that this script may replace.
  typed(redis.pcall('GET', keys[2]), 'timer')
  if given.advanceGeneration then hold.generation = exact(hold.generation + 1) end
  hold.fence, hold.owner, hold.leaseUntil = next_fence(hold.fence, now), owner, exact(now.ms + lease)
  hold.advancing = given.advanceGeneration or '0'
  redis.call('HSET', keys[1], 'v', '1', 'generation', hold.generation, 'fence', hold.fence, 'owner', owner,
    'leaseUntil', hold.leaseUntil, 'advancing', hold.advancing)
  redis.call('PEXPIREAT', keys[1], exact(now.ms + lease + KEEP_MS))
  redis.call('SET', keys[2], '1', 'PXAT', hold.leaseUntil)
  return hold_reply('acquired', now, hold)
end

return answer(acquire, KEYS, ARGV)
