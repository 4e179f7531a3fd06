-- read: the record as it stands. It is a writing script: the first look past the deadline settles the flow as TIMED_OUT.
--
-- KEYS[1] record   flow:{<type>:<id>}, also the channel
-- KEYS[2] timer    flow:{<type>:<id>}:timer; may be left out where no timer is kept
-- ARGV[1] publish  PUBLISH, or SPUBLISH in Cluster
-- ARGV[2…] options name, value pairs:
--   replyLimit   bytes; a larger result or error is left out of the reply
--
-- Replies: verdict, head, metadata, payload; see the contract.
--   found      the record
--   not_found  nothing stands there
--
-- Invariant: a record past its deadline is never shown as pending.

-- @include arguments
-- @include time
-- @include message
-- @include record

local function read(keys, arguments)
  local verb, limit = verb_of(keys, arguments, 1), nil
  if #arguments > 1 then
    -- @include options
    limit = options_of(arguments, 2, ' replyLimit ').replyLimit
    limit = limit and integer('replyLimit', limit, 0, MAX_MS)
  end
  local now = clock()
  local record = load(keys, verb, now)
  if not record then return reply_with('not_found', now) end
  return reply_with('found', now, record, limit)
end

return answer(read, KEYS, ARGV)
