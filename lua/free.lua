-- free: the holder gives a generation lease back; those who wait for it are told.
--
-- KEYS[1] lease    flow:{@lease:<name>}, also the channel
-- KEYS[2] timer    flow:{@lease:<name>}:timer
-- ARGV[1] publish  PUBLISH, or SPUBLISH in Cluster
-- ARGV[2] owner    the token that acquire was given
--
-- Replies: verdict, head; see the contract.
--   freed       the lease is no longer this owner's: by this call, or before it (then nobody is told again)
--   superseded  another holds it, or this owner never did
--   not_found   nothing stands there
--
-- Invariant: the generation stays, for another 24 hours; only the hold ends. Replayed, it answers as it did the first time.

-- @include arguments
-- @include words
-- @include time
-- @include message
-- @include hold

local function free(keys, arguments)
  local verb, owner = verb_of(keys, arguments, 2), token('owner', arguments[2])
  check_keys(keys)
  if #arguments > 2 then refuse('FLOWARG', 'free takes 2 arguments') end
  local now = clock()
  local hold, stands = load_hold(keys)
  if not stands then return hold_reply('not_found', now, hold) end
  if hold.freed == owner then return hold_reply('freed', now, hold) end
  if hold.owner ~= owner then return hold_reply('superseded', now, hold) end
  local live = is_held(hold, now)
  redis.call('HDEL', keys[1], 'owner', 'leaseUntil', 'advancing')
  redis.call('HSET', keys[1], 'freed', owner)
  redis.call('PEXPIREAT', keys[1], exact(now.ms + KEEP_MS))
  redis.call('DEL', keys[2])
  hold.owner, hold.leaseUntil = nil, nil
  if live then publish(verb, keys[1], { origin = '1', fence = hold.fence }, 'RELEASED', now.text, 'inline', '') end
  return hold_reply('freed', now, hold)
end

return answer(free, KEYS, ARGV)
