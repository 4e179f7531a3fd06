-- delete: takes a flow away; those who wait for it are told.
--
-- KEYS[1] record   flow:{<type>:<id>}, also the channel
-- KEYS[2] timer    flow:{<type>:<id>}:timer; may be left out where no timer is kept
-- ARGV[1] publish  PUBLISH, or SPUBLISH in Cluster
-- ARGV[2] request  id of this request, the same each time it is sent
-- ARGV[3…] options name, value pairs:
--   fence        delete only the record with this fence
--   statuses     delete only a record in one of these, comma between; default: any
--   replyLimit   bytes; a larger result or error is left out of the reply
--
-- Replies: verdict, head, metadata, payload; see the contract.
--   deleted    gone; the record is shown as it was (not on a replay: it is gone)
--   mismatch   it stands, with another fence or status
--   not_found  nothing stands there
--
-- Invariant: a replay never deletes a flow that was created after the first run.

-- @include arguments
-- @include options
-- @include words
-- @include statuses
-- @include time
-- @include fence
-- @include message
-- @include record

local RECEIPT_MS = 60000 -- how long a delete can be replayed

local function delete(keys, arguments)
  local verb, request = verb_of(keys, arguments, 2), token('request', arguments[2])
  local given = options_of(arguments, 3, ' fence statuses replyLimit ')
  local fence = given.fence and fence_of('fence', given.fence)
  local statuses = given.statuses and statuses_of('statuses', given.statuses, ' PENDING COMPLETED FAILED CANCELED TIMED_OUT ')
  local limit = given.replyLimit and integer('replyLimit', given.replyLimit, 0, MAX_MS)
  local now = clock()
  local record, receipt = load(keys, verb, now)
  if not record then return reply_with(receipt and receipt.deletedBy == request and 'deleted' or 'not_found', now) end
  if record.deletedBy == request then return reply_with('deleted', now) end
  if (fence and record.fence ~= fence) or (statuses and not statuses[record.status]) then
    return reply_with('mismatch', now, record, limit)
  end
  local reply, was_pending = reply_with('deleted', now, record, limit), record.status == 'PENDING'
  drop_timer(keys, record)
  redis.call('DEL', keys[1]) -- which full memory does not refuse, and after a first write no other is refused
  record.status, record.metadata, record.payload = 'DELETED', '', nil
  note(record, 'deletedBy', request)
  save(keys, record, exact(now.ms + RECEIPT_MS))
  if was_pending then publish(verb, keys[1], record, 'DELETED', now.text, 'inline', '') end
  return reply
end

return answer(delete, KEYS, ARGV)
