-- delete: takes a flow away; those who wait for it are told.
--
-- KEYS[1] record   flow:{<type>:<id>}, also the channel
-- KEYS[2] timer    flow:{<type>:<id>}:timer; keeps the receipt of the delete for a minute
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

-- Arguments: every one is checked before the first write; a bad one ends the script with a FLOWARG error that names it.
-- A script makes its functions anew in each run, which costs more than most of them do: what every run needs is included at its
-- top, what few runs need in the branch that needs it.

local MAX_MS = 315360000000 -- ten years: an instant plus this stays exact in a double

local function refuse(code, text)
  error({ refusal = code .. ' ' .. text })
end

local function integer(name, text, least, most)
  local number = text and #text <= 16 and not string.find(text, '%D') and tonumber(text)
  if not number then refuse('FLOWARG', name .. ' must be a whole number, got ' .. string.sub(tostring(text), 1, 40)) end
  if number < least or number > most then
    refuse('FLOWARG', string.format('%s must be %.0f to %.0f, got %s', name, least, most, text))
  end
  return number
end

-- The publish verb, once the number of keys and arguments is right.
local function verb_of(keys, arguments, least)
  if #keys ~= 2 then refuse('FLOWARG', 'two keys are needed: the record and its timer') end
  if keys[2] ~= keys[1] .. ':timer' then refuse('FLOWARG', 'the second key must be the first with :timer behind') end
  if #arguments < least then refuse('FLOWARG', string.format('%d arguments are needed, got %d', least, #arguments)) end
  local verb = arguments[1]
  if verb ~= 'PUBLISH' and verb ~= 'SPUBLISH' then refuse('FLOWARG', 'publish must be PUBLISH or SPUBLISH') end
  return verb
end

local function typed(reply, key)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if string.find(reply.err, 'WRONGTYPE', 1, true) then refuse('FLOWTYPE', 'the ' .. key .. ' key holds another Redis type') end
  error(reply)
end

local present -- the instant of this run, which all calls of a batch share

-- A refusal becomes an error reply that starts with its code; Redis' own errors are passed on as they came.
local function answer(verb, keys, arguments)
  present = nil -- a Function library keeps it from the run before
  local ok, reply = pcall(verb, keys, arguments)
  if ok then return reply end
  if type(reply) == 'table' and reply.refusal then return redis.error_reply(reply.refusal) end
  error(reply, 0)
end
-- Options: what follows the positional arguments.

-- Whether a list of words, each between spaces, has this one.
local function has_word(list, word)
  return string.find(list, ' ' .. word .. ' ', 1, true) and not string.find(word, ' ', 1, true)
end

-- Options come as name, value pairs behind the positional arguments, like those of Redis' own commands. `known` has their
-- names, each between spaces.
local function options_of(arguments, first, known)
  local options = {}
  for at = first, #arguments, 2 do
    local name, value = arguments[at], arguments[at + 1]
    if not has_word(known, name) then refuse('FLOWARG', 'unknown option ' .. string.sub(name, 1, 40)) end
    if value == nil then refuse('FLOWARG', 'option ' .. name .. ' has no value') end
    if options[name] then refuse('FLOWARG', 'option ' .. name .. ' is given twice') end
    options[name] = value
  end
  return options
end
-- Arguments that are words.

local function token(name, text)
  if not text or #text == 0 or #text > 64 or not string.find(text, '^[%w_.:][%w_.:-]*$') then
    refuse('FLOWARG', name .. ' must be 1 to 64 of A-Z a-z 0-9 _ . : - and not begin with -')
  end
  -- A request id must never read like the word with which a script itself signs a settlement.
  if (text == 'timeout' or text == 'owner_lost') and name == 'request' then refuse('FLOWARG', 'request must not be the word ' .. text) end
  return text
end
-- A list of statuses as an argument, comma between.

-- `known` has the statuses that may be in it, each between spaces.
local function statuses_of(name, text, known)
  local set = {}
  for status in string.gmatch(text, '[^,]+') do
    if not has_word(known, status) then refuse('FLOWARG', name .. ' has no status ' .. string.sub(status, 1, 40)) end
    set[status] = true
  end
  return set
end
-- Time is the server's.

local function exact(number)
  return string.format('%.0f', number)
end

-- Now: `ms` for the record's instants, `text` the same as it is written, `micros` and `digits` for fences.
local function clock()
  if not present then
    local time = redis.call('TIME')
    local digits = time[1] .. string.sub('00000' .. time[2], -6)
    local text = string.sub(digits, 1, -4)
    present = { ms = tonumber(text), text = text, micros = tonumber(digits), digits = digits }
  end
  return present
end
-- A fence as an argument.

local function fence_of(name, text)
  integer(name, text, 1, 9007199254740991)
  if string.sub(text, 1, 1) == '0' then refuse('FLOWARG', name .. ' must have no leading zeros') end
  return text
end
-- What is told on the channel, which is the record's key.

-- A wake-up that cannot be sent (an ACL without channels) is one that is missed: what was written stands, and pollers find it.
local function publish(verb, key, record, event, at, form, payload)
  redis.pcall(verb, key, '1 ' .. event .. ' ' .. record.origin .. ' ' .. record.fence .. ' ' .. at .. ' ' .. form .. '\n' .. payload)
end
-- The record: a hash with readable fields. `load` gives it as the state table sees it: a deadline that has passed is
-- settled and told before the verb looks at it.

local function mark_settled(keys, record, status, at, by, field, payload)
  record.status, record.settledAt, record.settledBy = status, at, by
  if field then
    redis.call('HSET', keys[1], 'status', status, 'settledAt', at, 'settledBy', by, field, payload)
  else
    redis.call('HSET', keys[1], 'status', status, 'settledAt', at, 'settledBy', by)
  end
  redis.call('DEL', keys[2])
end

local function load(keys, verb, now)
  local list = typed(redis.pcall('HGETALL', keys[1]), 'record')
  if #list == 0 then return nil end
  local record = {}
  for at = 1, #list, 2 do record[list[at]] = list[at + 1] end
  if record.v ~= '1' then
    if record.v == nil then refuse('FLOWTYPE', 'the record key holds a hash that is no flow record') end
    refuse('FLOWVERSION', 'the record has version ' .. string.sub(record.v, 1, 40) .. ', this script knows 1')
  end
  -- One match for all: this runs in every script. tonumber would take 0x10, 1e9 and nan too, and 17 digits are no longer exact.
  local status, line = record.status, (record.fence or '?') .. ' ' .. (record.origin or '?') .. ' ' .. (record.attempt or '?')
    .. ' ' .. (record.createdAt or '?') .. ' ' .. (record.deadlineAt or '?') .. ' ' .. (record.leaseUntil or '0')
    .. ' ' .. (record.maxAttempts or '0') .. ' ' .. (record.settledAt or '0') .. ' ' .. (record.freshUntil or '0')
    .. ' ' .. (record.owner or '-') .. ' ' .. (record.settledBy or '-')
  if not record.metadata or not string.find(line, '^%d+ %d+ %d+ %d+ %d+ %d+ %d+ %d+ %d+ %S+ %S+$')
    or #record.fence > 16 or #record.origin > 16 or #record.attempt > 16 or #record.createdAt > 16 or #record.deadlineAt > 16
    or #(record.leaseUntil or '') > 16 or #(record.maxAttempts or '') > 16
    or #(record.settledAt or '') > 16 or #(record.freshUntil or '') > 16
    or status ~= 'PENDING' and status ~= 'COMPLETED' and status ~= 'FAILED' and status ~= 'CANCELED' and status ~= 'TIMED_OUT' then
    refuse('FLOWTYPE', 'the record lacks a field or has one that cannot be read')
  end
  if status == 'PENDING' and tonumber(record.deadlineAt) <= now.ms then
    mark_settled(keys, record, 'TIMED_OUT', record.deadlineAt, 'timeout')
    publish(verb, keys[1], record, 'TIMED_OUT', record.deadlineAt, 'inline', '')
  end
  return record
end

-- Reply: verdict, head, and where there is a record its metadata and, once it is settled with one, its payload.
-- Head: `1 <now>` and then the record's fields as words, `-` for one it does not have. A payload over `limit` bytes is left out.
local function reply_with(verdict, now, record, limit)
  if not record then return { verdict, '1 ' .. now.text } end
  local head = '1 ' .. now.text .. ' ' .. record.status .. ' ' .. record.fence .. ' ' .. record.origin .. ' ' .. record.attempt
    .. ' ' .. record.createdAt .. ' ' .. record.deadlineAt .. ' ' .. (record.leaseUntil or '-') .. ' ' .. (record.settledAt or '-')
    .. ' ' .. (record.freshUntil or '-') .. ' ' .. (record.owner or '-') .. ' ' .. (record.settledBy or '-')
  local payload = record.status == 'COMPLETED' and record.result or record.error
  if payload and limit and #payload > limit then payload = nil end
  return { verdict, head, record.metadata, payload }
end

local RECEIPT_MS = 60000 -- how long a delete can be replayed

local function delete(keys, arguments)
  local verb, request = verb_of(keys, arguments, 2), token('request', arguments[2])
  local given = options_of(arguments, 3, ' fence statuses replyLimit ')
  local fence = given.fence and fence_of('fence', given.fence)
  local statuses = given.statuses and statuses_of('statuses', given.statuses, ' PENDING COMPLETED FAILED CANCELED TIMED_OUT ')
  local limit = given.replyLimit and integer('replyLimit', given.replyLimit, 0, MAX_MS)
  local now = clock()
  local record = load(keys, verb, now)
  if not record then
    local receipt = typed(redis.pcall('GET', keys[2]), 'timer')
    local by = receipt and string.match(receipt, '^deleted %d+ (%S+)')
    return reply_with(by == request and 'deleted' or 'not_found', now)
  end
  if record.deletedBy == request then return reply_with('deleted', now) end
  if (fence and record.fence ~= fence) or (statuses and not statuses[record.status]) then
    return reply_with('mismatch', now, record, limit)
  end
  redis.call('DEL', keys[1])
  local ended_by = record.settledBy or record.endedBy
  redis.call('SET', keys[2], 'deleted ' .. record.fence .. ' ' .. request .. (ended_by and ' ' .. ended_by or ''), 'PX', RECEIPT_MS)
  if record.status == 'PENDING' then publish(verb, keys[1], record, 'DELETED', now.text, 'inline', '') end
  return reply_with('deleted', now, record, limit)
end

return answer(delete, KEYS, ARGV)
