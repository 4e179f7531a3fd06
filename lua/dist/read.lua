-- read: the record as it stands. It is a writing script: the first look past the deadline settles the flow as TIMED_OUT.
--
-- KEYS[1] record   flow:{<type>:<id>}, also the channel
-- KEYS[2] timer    flow:{<type>:<id>}:timer
-- ARGV[1] publish  PUBLISH, or SPUBLISH in Cluster
-- ARGV[2…] options name, value pairs:
--   replyLimit   bytes; a larger result or error is left out of the reply
--
-- Replies: verdict, head, metadata, payload; see the contract.
--   found      the record
--   not_found  nothing stands there
--
-- Invariant: a record past its deadline is never shown as pending.

-- Arguments: every one is checked before the first write; a bad one ends the script with a FLOWARG error that names it.

local MAX_MS = 315360000000 -- ten years: an instant plus this stays exact in a double

local function refuse(code, text)
  error({ refusal = code .. ' ' .. text })
end

local function integer(name, text, least, most)
  if text == nil or not string.find(text, '^%d+$') or #text > 16 then
    refuse('FLOWARG', name .. ' must be a whole number, got ' .. string.sub(tostring(text), 1, 40))
  end
  local number = tonumber(text)
  if number < least or number > most then
    refuse('FLOWARG', string.format('%s must be %.0f to %.0f, got %s', name, least, most, text))
  end
  return number
end

local function fence_of(name, text)
  integer(name, text, 1, 9007199254740991)
  if string.sub(text, 1, 1) == '0' then refuse('FLOWARG', name .. ' must have no leading zeros') end
  return text
end

local function token(name, text)
  if text == nil or #text > 64 or not string.find(text, '^[%w_.:][%w_.:-]*$') then
    refuse('FLOWARG', name .. ' must be 1 to 64 of A-Z a-z 0-9 _ . : - and not begin with -')
  end
  return text
end

-- A request id must never read like the word with which a script itself signs a settlement.
local function request_of(text)
  token('request', text)
  if text == 'timeout' or text == 'owner_lost' then refuse('FLOWARG', 'request must not be the word ' .. text) end
  return text
end

local function verb_of(text)
  if text ~= 'PUBLISH' and text ~= 'SPUBLISH' then refuse('FLOWARG', 'publish must be PUBLISH or SPUBLISH') end
  return text
end

local function statuses_of(name, text, known)
  local set = {}
  for status in string.gmatch(text, '[^,]+') do
    if not known[status] then refuse('FLOWARG', name .. ' has no status ' .. string.sub(status, 1, 40)) end
    set[status] = true
  end
  return set
end

local function keys_and_arguments(keys, arguments, least)
  if #keys ~= 2 then refuse('FLOWARG', 'two keys are needed: the record and its timer') end
  if #arguments < least then refuse('FLOWARG', string.format('%d arguments are needed, got %d', least, #arguments)) end
end

-- Options come as name, value pairs behind the positional arguments, like those of Redis' own commands.
local function options_of(arguments, first, known)
  local options = {}
  for at = first, #arguments, 2 do
    local name, value = arguments[at], arguments[at + 1]
    if not known[name] then refuse('FLOWARG', 'unknown option ' .. string.sub(name, 1, 40)) end
    if value == nil then refuse('FLOWARG', 'option ' .. name .. ' has no value') end
    if options[name] then refuse('FLOWARG', 'option ' .. name .. ' is given twice') end
    options[name] = value
  end
  return options
end

-- A refusal becomes an error reply that starts with its code; Redis' own errors are passed on as they came.
local function answer(body)
  local ok, reply = pcall(body)
  if ok then return reply end
  if type(reply) == 'table' and reply.refusal then return redis.error_reply(reply.refusal) end
  error(reply, 0)
end
-- The record: a hash with readable fields. `load` gives it as the state table sees it: a deadline that has passed is
-- settled and told before the verb looks at it.

local TERMINAL = { COMPLETED = true, FAILED = true, CANCELED = true, TIMED_OUT = true }
local STATUSES = { PENDING = true, COMPLETED = true, FAILED = true, CANCELED = true, TIMED_OUT = true }
local RETENTION = { COMPLETED = 300000, FAILED = 60000, CANCELED = 60000, TIMED_OUT = 60000 }
local RECEIPT_MS = 60000 -- how long a delete can be replayed

local function exact(number)
  return string.format('%.0f', number)
end

-- Milliseconds for the record's instants, microseconds for fences.
local function clock()
  local time = redis.call('TIME')
  local seconds, micros = tonumber(time[1]), tonumber(time[2])
  return seconds * 1000 + math.floor(micros / 1000), seconds * 1000000 + micros
end

local function next_fence(previous, micros)
  return exact(math.max((tonumber(previous) or 0) + 1, micros))
end

local function retention_of(record, status)
  if not record.retention then return RETENTION[status] end
  local completed, failed, canceled, timed_out = string.match(record.retention, '^(%d+) (%d+) (%d+) (%d+)$')
  local by_status = { COMPLETED = completed, FAILED = failed, CANCELED = canceled, TIMED_OUT = timed_out }
  return tonumber(by_status[status]) or RETENTION[status]
end

local function publish(verb, key, record, event, at, inline, payload)
  local head = '1 ' .. event .. ' ' .. record.origin .. ' ' .. record.fence .. ' ' .. exact(at)
  redis.call(verb, key, head .. (inline and ' inline\n' or ' stored\n') .. payload)
end

-- A flat list of field, value pairs becomes the record's new content, in Redis and in the table alike.
local function write(key, record, changes)
  for at = 1, #changes, 2 do record[changes[at]] = changes[at + 1] end
  redis.call('HSET', key, unpack(changes))
end

local function settle_record(keys, record, status, at, by, changes)
  changes[#changes + 1] = 'status'
  changes[#changes + 1] = status
  changes[#changes + 1] = 'settledAt'
  changes[#changes + 1] = exact(at)
  changes[#changes + 1] = 'settledBy'
  changes[#changes + 1] = by
  write(keys[1], record, changes)
  redis.call('DEL', keys[2])
end

local NEEDED = { 'fence', 'origin', 'attempt', 'createdAt', 'deadlineAt' }
local MAY_HAVE = { 'leaseUntil', 'maxAttempts', 'settledAt', 'freshUntil' }
local WORDS = { 'owner', 'settledBy' } -- they stand in a reply's head, between spaces

local function whole(text)
  return text ~= nil and #text <= 16 and string.find(text, '^%d+$') ~= nil
end

local function check(record)
  local readable = STATUSES[record.status] and record.metadata
  for at = 1, #NEEDED do readable = readable and whole(record[NEEDED[at]]) end
  for at = 1, #MAY_HAVE do
    readable = readable and (record[MAY_HAVE[at]] == nil or whole(record[MAY_HAVE[at]]))
  end
  for at = 1, #WORDS do
    readable = readable and (record[WORDS[at]] == nil or string.find(record[WORDS[at]], '^%S+$'))
  end
  if not readable then refuse('FLOWTYPE', 'the record lacks a field or has one that cannot be read') end
end

-- The reply of a redis.pcall: somebody else's key under one of our names is refused in our own words.
local function typed(reply, name)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if not string.find(reply.err, 'WRONGTYPE', 1, true) then error(reply) end
  refuse('FLOWTYPE', 'the ' .. name .. ' key holds another Redis type')
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
  check(record)
  local deadline = tonumber(record.deadlineAt)
  if record.status == 'PENDING' and deadline <= now then
    settle_record(keys, record, 'TIMED_OUT', deadline, 'timeout', {})
    publish(verb, keys[1], record, 'TIMED_OUT', deadline, true, '')
  end
  return record
end

-- Whether somebody holds the flow now. An open flow has no lease, a lapsed one has a lease that is over.
local function leased(record)
  return record.leaseUntil ~= nil
end

local function lapsed(record, now)
  return leased(record) and tonumber(record.leaseUntil) <= now
end

local function holds(record, fence, owner)
  return leased(record) and record.fence == fence and record.owner == owner
end

-- The timer ends when the flow next needs a look; its expiry is a hint, nothing depends on it.
local function set_timer(keys, record, now)
  local at = tonumber(record.deadlineAt)
  if leased(record) and not lapsed(record, now) then at = math.min(at, tonumber(record.leaseUntil)) end
  redis.call('SET', keys[2], '1', 'PXAT', exact(at))
end

local HEAD = { 'status', 'fence', 'origin', 'attempt', 'createdAt', 'deadlineAt', 'leaseUntil', 'settledAt', 'freshUntil', 'owner', 'settledBy' }
local PAYLOAD = { COMPLETED = 'result', FAILED = 'error', CANCELED = 'error' }

-- Reply: verdict, head, and where there is a record its metadata and, once it is settled with one, its payload.
-- Head: `1 <now>` and then the record's fields as words, `-` for one it does not have. A payload over `limit` bytes is left out.
local function reply_with(verdict, now, record, limit)
  if not record then return { verdict, '1 ' .. exact(now) } end
  local words = { '1', exact(now) }
  for at = 1, #HEAD do words[at + 2] = record[HEAD[at]] or '-' end
  local payload = record[PAYLOAD[record.status]]
  if payload and limit and #payload > limit then payload = nil end
  return { verdict, table.concat(words, ' '), record.metadata, payload }
end

local OPTIONS = { replyLimit = true }

return answer(function()
  keys_and_arguments(KEYS, ARGV, 1)
  local verb = verb_of(ARGV[1])
  local given = options_of(ARGV, 2, OPTIONS)
  local limit = given.replyLimit and integer('replyLimit', given.replyLimit, 0, MAX_MS)
  local now = clock()
  local record = load(KEYS, verb, now)
  if not record then return reply_with('not_found', now) end
  return reply_with('found', now, record, limit)
end)
