-- renew: extends the owner's lease; an owner whose lease ran out gets it back if nobody took the flow over.
--
-- KEYS[1] record   flow:{<type>:<id>}, also the channel
-- KEYS[2] timer    flow:{<type>:<id>}:timer; may be left out where no timer is kept
-- ARGV[1] publish  PUBLISH, or SPUBLISH in Cluster
-- ARGV[2] fence    the fence that the owner was given
-- ARGV[3] owner    the owner that create was given
-- ARGV[4] leaseMs  from now; never past the deadline
--
-- Replies: verdict, head, metadata, payload; see the contract.
--   renewed     the lease is the caller's until leaseUntil
--   superseded  another owner has the flow, or nobody ever did
--   settled     the flow is terminal
--   not_found   nothing stands there
--
-- Invariant: only the owner of the current fence extends a lease. Safe to replay: it says what holds now.

-- @include arguments
-- @include words
-- @include time
-- @include fence
-- @include message
-- @include record
-- @include lease

local function renew(keys, arguments)
  local verb, fence, owner = verb_of(keys, arguments, 4), fence_of('fence', arguments[2]), token('owner', arguments[3])
  local lease = integer('leaseMs', arguments[4], 1, MAX_MS)
  if #arguments > 4 then refuse('FLOWARG', 'renew takes 4 arguments') end
  local now = clock()
  local record = load(keys, verb, now)
  if not record then return reply_with('not_found', now) end
  if record.status ~= 'PENDING' then return reply_with('settled', now, record, 0) end
  if not holds(record, fence, owner) then return reply_with('superseded', now, record) end
  record.leaseUntil = exact(math.min(now.ms + lease, tonumber(record.deadlineAt)))
  save(keys, record)
  set_timer(keys, record, now)
  return reply_with('renewed', now, record)
end

return answer(renew, KEYS, ARGV)
