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
  local number = text and #text <= 16 and not string.find(text, '%D') and tonumber(text)
  if not number then refuse('FLOWARG', name .. ' must be a whole number, got ' .. string.sub(tostring(text), 1, 40)) end
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
  if not text or #text == 0 or #text > 64 or string.find(text, '^%-') or string.find(text, '[^%w_.:-]') then
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

local function statuses_of(name, text, is_known)
  local set = {}
  for status in string.gmatch(text, '[^,]+') do
    if not is_known(status) then refuse('FLOWARG', name .. ' has no status ' .. string.sub(status, 1, 40)) end
    set[status] = true
  end
  return set
end

local function keys_and_arguments(keys, arguments, least)
  if #keys ~= 2 then refuse('FLOWARG', 'two keys are needed: the record and its timer') end
  if #arguments < least then refuse('FLOWARG', string.format('%d arguments are needed, got %d', least, #arguments)) end
end

-- Options come as name, value pairs behind the positional arguments, like those of Redis' own commands.
local function options_of(arguments, first, is_known)
  local options = {}
  for at = first, #arguments, 2 do
    local name, value = arguments[at], arguments[at + 1]
    if not is_known(name) then refuse('FLOWARG', 'unknown option ' .. string.sub(name, 1, 40)) end
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

local RECEIPT_MS = 60000 -- how long a delete can be replayed

-- A Function library may not touch redis.call while it is loaded.
local function call(...)
  return redis.call(...)
end

-- Functions, not tables: a script builds its constants anew at every run.
local function is_terminal(status)
  return status == 'COMPLETED' or status == 'FAILED' or status == 'CANCELED' or status == 'TIMED_OUT'
end

local function is_status(status)
  return status == 'PENDING' or is_terminal(status)
end

local function payload_field(status)
  if status == 'COMPLETED' then return 'result' end
  if status == 'FAILED' or status == 'CANCELED' then return 'error' end
end

local function exact(number)
  return string.format('%.0f', number)
end

-- Milliseconds for the record's instants, microseconds for fences.
local function clock()
  local time = call('TIME')
  local micros = time[1] * 1000000 + time[2]
  return math.floor(micros / 1000), micros
end

local function next_fence(previous, micros)
  if previous and tonumber(previous) >= micros then micros = previous + 1 end
  return exact(micros)
end

local function retention_of(retention, status)
  if not retention then return status == 'COMPLETED' and 300000 or 60000 end
  local completed, failed, canceled, timed_out = string.match(retention, '^(%d+) (%d+) (%d+) (%d+)$')
  if not completed then return retention_of(nil, status) end
  if status == 'COMPLETED' then return completed end
  if status == 'FAILED' then return failed end
  return status == 'CANCELED' and canceled or timed_out
end

-- A wake-up that cannot be sent (an ACL without channels) is one that is missed: what was written stands, and pollers find it.
local function publish(verb, key, record, event, at, form, payload)
  redis.pcall(verb, key, '1 ' .. event .. ' ' .. record.origin .. ' ' .. record.fence .. ' ' .. at .. ' ' .. form .. '\n' .. payload)
end

local function mark_settled(keys, record, status, at, by, field, payload)
  record.status, record.settledAt, record.settledBy = status, at, by
  if field then
    call('HSET', keys[1], 'status', status, 'settledAt', at, 'settledBy', by, field, payload)
  else
    call('HSET', keys[1], 'status', status, 'settledAt', at, 'settledBy', by)
  end
  call('DEL', keys[2])
end

local function typed(reply, key)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if string.find(reply.err, 'WRONGTYPE', 1, true) then refuse('FLOWTYPE', 'the ' .. key .. ' key holds another Redis type') end
  error(reply)
end

-- A word of a reply's head stands between spaces.
local function is_word(value)
  return value == nil or (value ~= '' and not string.find(value, '%s'))
end

-- tonumber alone would take 0x10, 1e9 and nan, too.
local function is_whole(text)
  return text ~= nil and text ~= '' and #text <= 16 and not string.find(text, '%D')
end

local function check(record)
  if is_status(record.status) and record.metadata and is_whole(record.fence) and is_whole(record.origin)
    and is_whole(record.attempt) and is_whole(record.createdAt) and is_whole(record.deadlineAt)
    and is_whole(record.leaseUntil or '0') and is_whole(record.maxAttempts or '0') and is_whole(record.settledAt or '0')
    and is_whole(record.freshUntil or '0') and is_word(record.owner) and is_word(record.settledBy) then
    return
  end
  refuse('FLOWTYPE', 'the record lacks a field or has one that cannot be read')
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
  if record.status == 'PENDING' and tonumber(record.deadlineAt) <= now then
    mark_settled(keys, record, 'TIMED_OUT', record.deadlineAt, 'timeout')
    publish(verb, keys[1], record, 'TIMED_OUT', record.deadlineAt, 'inline', '')
  end
  return record
end

-- Whether the flow's lease is over. An open flow has none.
local function lapsed(record, now)
  return record.leaseUntil ~= nil and tonumber(record.leaseUntil) <= now
end

local function holds(record, fence, owner)
  return record.leaseUntil ~= nil and record.fence == fence and record.owner == owner
end

-- The timer ends when the flow next needs a look; its expiry is a hint, nothing depends on it.
local function set_timer(keys, record, now)
  local at = record.deadlineAt
  if record.leaseUntil and not lapsed(record, now) then at = record.leaseUntil end
  call('SET', keys[2], '1', 'PXAT', at)
end

-- Reply: verdict, head, and where there is a record its metadata and, once it is settled with one, its payload.
-- Head: `1 <now>` and then the record's fields as words, `-` for one it does not have. A payload over `limit` bytes is left out.
local function reply_with(verdict, now, record, limit)
  if not record then return { verdict, '1 ' .. exact(now) } end
  local head = '1 ' .. exact(now) .. ' ' .. record.status .. ' ' .. record.fence .. ' ' .. record.origin .. ' ' .. record.attempt
    .. ' ' .. record.createdAt .. ' ' .. record.deadlineAt .. ' ' .. (record.leaseUntil or '-') .. ' ' .. (record.settledAt or '-')
    .. ' ' .. (record.freshUntil or '-') .. ' ' .. (record.owner or '-') .. ' ' .. (record.settledBy or '-')
  local field = payload_field(record.status)
  local payload = field and record[field]
  if payload and limit and #payload > limit then payload = nil end
  return { verdict, head, record.metadata, payload }
end

local function is_option(name)
  return name == 'replyLimit'
end

return answer(function()
  keys_and_arguments(KEYS, ARGV, 1)
  local verb = verb_of(ARGV[1])
  local given = options_of(ARGV, 2, is_option)
  local limit = given.replyLimit and integer('replyLimit', given.replyLimit, 0, MAX_MS)
  local now = clock()
  local record = load(KEYS, verb, now)
  if not record then return reply_with('not_found', now) end
  return reply_with('found', now, record, limit)
end)
