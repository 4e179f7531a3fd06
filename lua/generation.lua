-- generation: a generation lease as it stands. It writes nothing.
--
-- KEYS[1] lease    flow:{@lease:<name>}, also the channel
-- KEYS[2] timer    flow:{@lease:<name>}:timer
-- ARGV[1] publish  PUBLISH, or SPUBLISH in Cluster
--
-- Replies: verdict, head; see the contract.
--   found      the generation, and who holds it if somebody does
--   not_found  nothing stands there: generation 0
--
-- Invariant: a lease that ran out is never shown as held.

-- @include arguments
-- @include time
-- @include hold

local function generation(keys, arguments)
  verb_of(keys, arguments, 1)
  check_keys(keys)
  if #arguments > 1 then refuse('FLOWARG', 'generation takes 1 argument') end
  local now = clock()
  local hold, stands = load_hold(keys)
  return hold_reply(stands and 'found' or 'not_found', now, hold)
end

return answer(generation, KEYS, ARGV)
