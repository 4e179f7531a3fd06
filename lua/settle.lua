-- settle: ends a flow, once: completes, fails or cancels it, and wakes every waiter.
--
-- KEYS[1] record       flow:{<type>:<id>}, also the channel
-- KEYS[2] timer        flow:{<type>:<id>}:timer; may be left out where no timer is kept
-- ARGV[1] publish      PUBLISH, or SPUBLISH in Cluster
-- ARGV[2] request      id of this request, the same each time it is sent
-- ARGV[3] status       COMPLETED, FAILED or CANCELED
-- ARGV[4] payload      opaque bytes: the result, or the error
-- ARGV[5] inlineBytes  a payload up to this size travels with the message, a larger one is read from the record
-- ARGV[6…] options     name, value pairs:
--   fence        settle only if the flow still has this fence
--   freshUntil   ms since the epoch, COMPLETED only: until when the result may be handed back
--   retentionMs  keep the record this long, instead of what it was created with
--   replace      1: settle over a terminal record too; needs fence, and gives the record a new one
--   replyLimit   bytes; a larger result or error is left out of the reply; default none, with ownChannel 65536
--   ownChannel   a channel that the calling connection listens on: an empty message goes there before the waiters are told; see the contract
--
-- Replies: verdict, head, metadata, payload; see the contract.
--   applied          settled by this call; the payload it sent is not sent back
--   duplicate        settled by this very request before: the caller won, its reply was lost; the record shown may be
--                    that of the flow which stands in its place since
--   late             the deadline passed first
--   already_settled  somebody else settled it first
--   superseded       the fence given is not the record's
--   not_found        nothing stands there
--
-- Invariant: a terminal record never changes, but for replace with its own fence. A replay never settles the flow that came after.

-- @quick settle

-- @include arguments
-- @include words
-- @include time
-- @include message
-- @include record
-- @include retention

local function settle(keys, arguments)
  local verb, request, status, payload = verb_of(keys, arguments, 5), token('request', arguments[2]), arguments[3], arguments[4]
  if status ~= 'COMPLETED' and status ~= 'FAILED' and status ~= 'CANCELED' then
    refuse('FLOWARG', 'status must be COMPLETED, FAILED or CANCELED')
  end
  local inline = integer('inlineBytes', arguments[5], 0, MAX_MS)
  local fence, fresh, retention, limit, replace, own
  if #arguments > 5 then
    -- @include options
    -- @include fence
    local given = options_of(arguments, 6, ' fence freshUntil retentionMs replace replyLimit ownChannel ')
    fence, replace, own = given.fence and fence_of('fence', given.fence), given.replace, given.ownChannel
    fresh = given.freshUntil and exact(integer('freshUntil', given.freshUntil, 0, 9007199254740991))
    retention = given.retentionMs and integer('retentionMs', given.retentionMs, 1, MAX_MS)
    limit = given.replyLimit and integer('replyLimit', given.replyLimit, 0, MAX_MS) or own and 65536
    if own and (own == '' or #own > 512) then refuse('FLOWARG', 'ownChannel must have 1 to 512 bytes') end
    if replace and (replace ~= '1' or not fence) then refuse('FLOWARG', 'replace must be 1 and needs fence') end
    if fresh and status ~= 'COMPLETED' then refuse('FLOWARG', 'freshUntil goes with COMPLETED only') end
  end

  local now = clock()
  local record = load(keys, verb, now)
  if not record then return reply_with('not_found', now) end
  if record.settledBy == request or record.endedBy == request then return reply_with('duplicate', now, record, limit) end
  if fence and record.fence ~= fence then return reply_with('superseded', now, record, limit) end
  if record.status ~= 'PENDING' then
    if not replace then return reply_with(record.status == 'TIMED_OUT' and 'late' or 'already_settled', now, record, limit) end
    -- @include next_fence
    record.fence = next_fence(record.fence, now)
    note(record, 'endedBy', record.settledBy)
  end
  record.freshUntil = fresh or '-'
  mark_settled(keys, record, status, now.text, request, payload)
  save(keys, record, exact(now.ms + (retention or retention_of(record.retention, status))))
  if own then redis.pcall(verb, own, '') end
  if #payload <= inline then
    publish(verb, keys[1], record, status, now.text, 'inline', payload)
  else
    publish(verb, keys[1], record, status, now.text, 'stored', '')
  end
  record.payload = nil
  return reply_with('applied', now, record)
end

return answer(settle, KEYS, ARGV)
