-- release: the owner gives the flow up; its lease ends now, and waiters are told, so that another may take it over.
--
-- KEYS[1] record   flow:{<type>:<id>}, also the channel
-- KEYS[2] timer    flow:{<type>:<id>}:timer; may be left out where no timer is kept
-- ARGV[1] publish  PUBLISH, or SPUBLISH in Cluster
-- ARGV[2] request  id of this request, the same each time it is sent
-- ARGV[3] fence    the fence that the owner was given
-- ARGV[4] owner    the owner that create was given
-- ARGV[5…] options name, value pairs:
--   unbegun  1: the handler never began; if this call ends the lease, maxAttempts allows one attempt more
--
-- Replies: verdict, head, metadata, payload; see the contract.
--   released    the lease is over: ended by this call, or before it (then nobody is told again)
--   superseded  another owner has the flow, or nobody ever did
--   settled     the flow is terminal
--   not_found   nothing stands there
--
-- Invariant: the record stays PENDING with its fence; the lease ends. Replayed, it answers as it did the first time.

-- @include arguments
-- @include options
-- @include words
-- @include time
-- @include fence
-- @include message
-- @include record
-- @include lease

local function release(keys, arguments)
  local verb, request = verb_of(keys, arguments, 4), token('request', arguments[2])
  local fence, owner = fence_of('fence', arguments[3]), token('owner', arguments[4])
  local unbegun = options_of(arguments, 5, ' unbegun ').unbegun
  if unbegun and unbegun ~= '1' then refuse('FLOWARG', 'unbegun must be 1') end
  local now = clock()
  local record = load(keys, verb, now)
  if not record then return reply_with('not_found', now) end
  if record.releasedBy == request then return reply_with('released', now, record) end
  if record.status ~= 'PENDING' then return reply_with('settled', now, record, 0) end
  if not holds(record, fence, owner) then return reply_with('superseded', now, record) end
  if not lapsed(record, now) then
    record.leaseUntil = now.text
    note(record, 'releasedBy', request)
    if unbegun and record.maxAttempts then note(record, 'maxAttempts', exact(record.maxAttempts + 1)) end
    save(keys, record)
    set_timer(keys, record, now)
    publish(verb, keys[1], record, 'RELEASED', record.leaseUntil, 'inline', '')
  end
  return reply_with('released', now, record)
end

return answer(release, KEYS, ARGV)
