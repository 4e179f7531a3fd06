#!lua name=flowbroker

-- Generated from the verbs beside this file: FUNCTION LOAD, then FCALL flowbroker_<verb>.

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

redis.register_function('flowbroker_create', function(KEYS, ARGV)
-- create: opens a flow, joins one that is pending, takes over one whose owner is gone, hands back one that is settled.
--
-- KEYS[1] record     flow:{<type>:<id>}, also the channel
-- KEYS[2] timer      flow:{<type>:<id>}:timer
-- ARGV[1] publish    PUBLISH, or SPUBLISH in Cluster
-- ARGV[2] request    id of this request, the same each time it is sent
-- ARGV[3] timeoutMs  from now to the deadline
-- ARGV[4] metadata   opaque bytes
-- ARGV[5…] options   name, value pairs:
--   retention    "<completed> <failed> <canceled> <timed out>" in ms after settling; default "300000 60000 60000 60000"
--   owner        who runs the handler; with leaseMs
--   leaseMs      how long the owner holds the flow without renewing; with owner
--   maxAttempts  kept with the flow: how many owners it may have; 0, the default, is no limit
--   conflict     join (default), or supersede: whatever stands gives way
--   reuse        terminal statuses that are handed back, comma between; default COMPLETED; others are replaced
--   minFreshMs   hand back a COMPLETED record only if its freshUntil is at least this far away; default 0
--   rejectFence  never hand back the COMPLETED record with this fence
--   origin       the flow the caller waits for: take this one over or learn how it ended, never open another
--   replyLimit   bytes; a larger result or error is left out of the reply
--
-- Replies: verdict, head, metadata, payload; see the contract.
--   created      the flow is new, this caller opened it (and owns it, if it gave owner and leaseMs)
--   joined       it is pending, somebody else opened or holds it
--   taken_over   its owner was gone; this caller is the owner now: next attempt, new fence, same origin
--   settled      it is terminal and handed back as it is; also when its attempts are used up (FAILED, settledBy owner_lost)
--   superseded   with origin: another flow stands there now; or a replay of a create that was superseded meanwhile
--   not_found    with origin: nothing stands there
--
-- Invariant: at most one owner holds a fence, and a fence is given once. Replayed, it answers as it did the first time.

local OPTIONS = {
  retention = true, owner = true, leaseMs = true, maxAttempts = true, conflict = true, reuse = true,
  minFreshMs = true, rejectFence = true, origin = true, replyLimit = true,
}

local REUSE = { COMPLETED = true }

local function plan_of(arguments)
  local plan = {
    request = request_of(arguments[2]),
    timeout = integer('timeoutMs', arguments[3], 1, MAX_MS),
    metadata = arguments[4],
    attempts = 0,
    reuse = REUSE,
    fresh = 0,
  }
  if #arguments == 4 then return plan end
  local given = options_of(arguments, 5, OPTIONS)
  plan.retention = given.retention
  if given.leaseMs then plan.lease = integer('leaseMs', given.leaseMs, 1, MAX_MS) end
  if given.owner then plan.owner = token('owner', given.owner) end
  if given.maxAttempts then plan.attempts = integer('maxAttempts', given.maxAttempts, 0, 1000000) end
  if given.reuse then plan.reuse = statuses_of('reuse', given.reuse, TERMINAL) end
  if given.minFreshMs then plan.fresh = integer('minFreshMs', given.minFreshMs, 0, MAX_MS) end
  if given.rejectFence then plan.reject = fence_of('rejectFence', given.rejectFence) end
  if given.origin then plan.origin = fence_of('origin', given.origin) end
  if given.replyLimit then plan.limit = integer('replyLimit', given.replyLimit, 0, MAX_MS) end
  plan.supersede = given.conflict == 'supersede'
  if given.conflict and given.conflict ~= 'join' and not plan.supersede then
    refuse('FLOWARG', 'conflict must be join or supersede')
  end
  if plan.origin and plan.supersede then refuse('FLOWARG', 'origin does not go with conflict supersede') end
  if (plan.lease == nil) ~= (plan.owner == nil) then refuse('FLOWARG', 'owner and leaseMs go together') end
  if plan.retention then
    local numbers = { string.match(plan.retention, '^(%d+) (%d+) (%d+) (%d+)$') }
    if #numbers == 0 then refuse('FLOWARG', 'retention must be four whole numbers with a space between') end
    for at = 1, 4 do integer('retention', numbers[at], 1, MAX_MS) end
  end
  return plan
end

local function lease_end(plan, now, deadline)
  return exact(math.min(now + plan.lease, deadline))
end

local function open(keys, plan, verb, now, micros, previous)
  local deadline = now + plan.timeout
  local deadline_at, created_at = exact(deadline), exact(now)
  local lease_until = plan.lease and lease_end(plan, now, deadline)
  local left = typed(redis.pcall('SET', keys[2], '1', 'PXAT', lease_until or deadline_at, 'GET'), 'timer')
  if previous and previous.status == 'PENDING' then publish(verb, keys[1], previous, 'SUPERSEDED', now, true, '') end
  -- A delete leaves its receipt in the timer; the new record keeps it, so that a late replay cannot delete a successor.
  local deleted_fence, deleted_by = string.match(left or '', '^deleted (%d+) (.+)$')
  local fence = next_fence(previous and previous.fence or deleted_fence, micros)
  local attempt = plan.lease and '1' or '0'
  local fields = {
    'v', '1', 'status', 'PENDING', 'fence', fence, 'origin', fence, 'attempt', attempt,
    'createdAt', created_at, 'deadlineAt', deadline_at, 'createdBy', plan.request, 'metadata', plan.metadata,
  }
  local function add(name, value)
    if not value then return end
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  add('owner', plan.owner)
  add('leaseUntil', lease_until)
  add('maxAttempts', plan.attempts > 0 and exact(plan.attempts))
  add('retention', plan.retention)
  add('displaced', previous and previous.status == 'PENDING' and previous.createdBy)
  add('deletedBy', deleted_by or (previous and previous.deletedBy))
  if previous then redis.call('DEL', keys[1]) end
  redis.call('HSET', keys[1], unpack(fields))
  redis.call('PEXPIREAT', keys[1], exact(deadline + retention_of(plan, 'TIMED_OUT')))
  return reply_with('created', now, {
    status = 'PENDING', fence = fence, origin = fence, attempt = attempt, createdAt = created_at, deadlineAt = deadline_at,
    leaseUntil = lease_until, owner = plan.owner, metadata = plan.metadata,
  })
end

local function take_over(keys, plan, verb, record, now, micros)
  local most = tonumber(record.maxAttempts or '0')
  if most > 0 and tonumber(record.attempt) >= most then
    local text = string.format('{"name":"OwnerLostError","message":"the owner was lost in attempt %s of %s","code":"owner_lost"}',
      record.attempt, record.maxAttempts)
    settle_record(keys, record, 'FAILED', now, 'owner_lost', { 'error', text })
    redis.call('PEXPIREAT', keys[1], exact(now + retention_of(record, 'FAILED')))
    publish(verb, keys[1], record, 'FAILED', now, false, '')
    return 'settled'
  end
  write(keys[1], record, {
    'fence', next_fence(record.fence, micros), 'attempt', exact(tonumber(record.attempt) + 1), 'owner', plan.owner,
    'leaseUntil', lease_end(plan, now, tonumber(record.deadlineAt)),
    'displaced', record.createdBy or '', 'createdBy', plan.request,
  })
  set_timer(keys, record, now)
  return 'taken_over'
end

-- A flow that used up its attempts stays so for its retention: a later caller must not run what may run only so often.
local function handed_back(record, plan, now)
  if record.settledBy == 'owner_lost' then return true end
  if not plan.reuse[record.status] then return false end
  if record.status ~= 'COMPLETED' then return true end
  if plan.reject and record.fence == plan.reject then return false end
  return record.freshUntil == nil or tonumber(record.freshUntil) - now >= plan.fresh
end

local function verdict_on(keys, plan, verb, record, now, micros)
  if record.createdBy == plan.request then return tonumber(record.attempt) > 1 and 'taken_over' or 'created' end
  if plan.origin and record.origin ~= plan.origin then return 'superseded' end
  -- A replay of the create that this owner displaced: superseded, its flow is gone; taken over, it goes on.
  local displaced = record.displaced == plan.request
  if displaced and tonumber(record.attempt) < 2 then return 'superseded' end
  if plan.supersede and not displaced then return nil end
  if record.status ~= 'PENDING' then
    if plan.origin or handed_back(record, plan, now) then return 'settled' end
    return nil
  end
  if plan.lease and lapsed(record, now) then return take_over(keys, plan, verb, record, now, micros) end
  return 'joined'
end

return answer(function()
  keys_and_arguments(KEYS, ARGV, 4)
  local verb = verb_of(ARGV[1])
  local plan = plan_of(ARGV)
  local now, micros = clock()
  local record = load(KEYS, verb, now)
  if not record then
    if plan.origin then return reply_with('not_found', now) end
    return open(KEYS, plan, verb, now, micros, nil)
  end
  local verdict = verdict_on(KEYS, plan, verb, record, now, micros)
  if verdict then return reply_with(verdict, now, record, plan.limit) end
  return open(KEYS, plan, verb, now, micros, record)
end)
end)

redis.register_function('flowbroker_settle', function(KEYS, ARGV)
-- settle: ends a flow, once: completes, fails or cancels it, and wakes every waiter.
--
-- KEYS[1] record       flow:{<type>:<id>}, also the channel
-- KEYS[2] timer        flow:{<type>:<id>}:timer
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
--   replyLimit   bytes; a larger result or error is left out of the reply
--
-- Replies: verdict, head, metadata, payload; see the contract.
--   applied          settled by this call; the payload it sent is not sent back
--   duplicate        settled by this very request before: the caller won, its reply was lost
--   late             the deadline passed first
--   already_settled  somebody else settled it first
--   superseded       the fence given is not the record's
--   not_found        nothing stands there
--
-- Invariant: a terminal record never changes, but for replace with its own fence.

local OPTIONS = { fence = true, freshUntil = true, retentionMs = true, replace = true, replyLimit = true }

local function verdict_on(record, request, fence, replace)
  if record.settledBy == request then return 'duplicate' end
  if fence and record.fence ~= fence then return 'superseded' end
  if record.status == 'PENDING' or replace then return nil end
  return record.status == 'TIMED_OUT' and 'late' or 'already_settled'
end

return answer(function()
  keys_and_arguments(KEYS, ARGV, 5)
  local verb, request, status, payload = verb_of(ARGV[1]), request_of(ARGV[2]), ARGV[3], ARGV[4]
  local field = PAYLOAD[status]
  if not field then refuse('FLOWARG', 'status must be COMPLETED, FAILED or CANCELED') end
  local inline = integer('inlineBytes', ARGV[5], 0, MAX_MS)
  local given = options_of(ARGV, 6, OPTIONS)
  local fence = given.fence and fence_of('fence', given.fence)
  local fresh = given.freshUntil and exact(integer('freshUntil', given.freshUntil, 0, 9007199254740991))
  local retention = given.retentionMs and integer('retentionMs', given.retentionMs, 1, MAX_MS)
  local limit = given.replyLimit and integer('replyLimit', given.replyLimit, 0, MAX_MS)
  if given.replace and (given.replace ~= '1' or not fence) then refuse('FLOWARG', 'replace must be 1 and needs fence') end
  if fresh and status ~= 'COMPLETED' then refuse('FLOWARG', 'freshUntil goes with COMPLETED only') end

  local now, micros = clock()
  local record = load(KEYS, verb, now)
  if not record then return reply_with('not_found', now) end
  local verdict = verdict_on(record, request, fence, given.replace)
  if verdict then return reply_with(verdict, now, record, limit) end

  local changes = { field, payload }
  if fresh then
    changes[3] = 'freshUntil'
    changes[4] = fresh
  end
  if TERMINAL[record.status] then
    redis.call('HDEL', KEYS[1], 'result', 'error', 'freshUntil')
    record.result, record.error, record.freshUntil = nil, nil, nil
    changes[#changes + 1] = 'fence'
    changes[#changes + 1] = next_fence(record.fence, micros)
  end
  settle_record(KEYS, record, status, now, request, changes)
  redis.call('PEXPIREAT', KEYS[1], exact(now + (retention or retention_of(record, status))))
  if #payload <= inline then
    publish(verb, KEYS[1], record, status, now, true, payload)
  else
    publish(verb, KEYS[1], record, status, now, false, '')
  end
  return reply_with('applied', now, record, -1)
end)
end)

redis.register_function('flowbroker_renew', function(KEYS, ARGV)
-- renew: extends the owner's lease; an owner whose lease ran out gets it back if nobody took the flow over.
--
-- KEYS[1] record   flow:{<type>:<id>}, also the channel
-- KEYS[2] timer    flow:{<type>:<id>}:timer
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

return answer(function()
  keys_and_arguments(KEYS, ARGV, 4)
  local verb, fence, owner = verb_of(ARGV[1]), fence_of('fence', ARGV[2]), token('owner', ARGV[3])
  local lease = integer('leaseMs', ARGV[4], 1, MAX_MS)
  if #ARGV > 4 then refuse('FLOWARG', 'renew takes 4 arguments') end
  local now = clock()
  local record = load(KEYS, verb, now)
  if not record then return reply_with('not_found', now) end
  if record.status ~= 'PENDING' then return reply_with('settled', now, record, 0) end
  if not holds(record, fence, owner) then return reply_with('superseded', now, record) end
  write(KEYS[1], record, { 'leaseUntil', exact(math.min(now + lease, tonumber(record.deadlineAt))) })
  set_timer(KEYS, record, now)
  return reply_with('renewed', now, record)
end)
end)

redis.register_function('flowbroker_release', function(KEYS, ARGV)
-- release: the owner gives the flow up; its lease ends now, and waiters are told, so that another may take it over.
--
-- KEYS[1] record   flow:{<type>:<id>}, also the channel
-- KEYS[2] timer    flow:{<type>:<id>}:timer
-- ARGV[1] publish  PUBLISH, or SPUBLISH in Cluster
-- ARGV[2] request  id of this request, the same each time it is sent
-- ARGV[3] fence    the fence that the owner was given
-- ARGV[4] owner    the owner that create was given
--
-- Replies: verdict, head, metadata, payload; see the contract.
--   released    the lease is over: ended by this call, or before it (then nobody is told again)
--   superseded  another owner has the flow, or nobody ever did
--   settled     the flow is terminal
--   not_found   nothing stands there
--
-- Invariant: the record stays PENDING with its fence; only the lease ends. Replayed, it answers as it did the first time.

return answer(function()
  keys_and_arguments(KEYS, ARGV, 4)
  local verb, request = verb_of(ARGV[1]), request_of(ARGV[2])
  local fence, owner = fence_of('fence', ARGV[3]), token('owner', ARGV[4])
  if #ARGV > 4 then refuse('FLOWARG', 'release takes 4 arguments') end
  local now = clock()
  local record = load(KEYS, verb, now)
  if not record then return reply_with('not_found', now) end
  if record.releasedBy == request then return reply_with('released', now, record) end
  if record.status ~= 'PENDING' then return reply_with('settled', now, record, 0) end
  if not holds(record, fence, owner) then return reply_with('superseded', now, record) end
  if not lapsed(record, now) then
    write(KEYS[1], record, { 'leaseUntil', exact(now), 'releasedBy', request })
    set_timer(KEYS, record, now)
    publish(verb, KEYS[1], record, 'RELEASED', now, true, '')
  end
  return reply_with('released', now, record)
end)
end)

redis.register_function('flowbroker_read', function(KEYS, ARGV)
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
end)

redis.register_function('flowbroker_delete', function(KEYS, ARGV)
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

local OPTIONS = { fence = true, statuses = true, replyLimit = true }

return answer(function()
  keys_and_arguments(KEYS, ARGV, 2)
  local verb, request = verb_of(ARGV[1]), request_of(ARGV[2])
  local given = options_of(ARGV, 3, OPTIONS)
  local fence = given.fence and fence_of('fence', given.fence)
  local statuses = given.statuses and statuses_of('statuses', given.statuses, STATUSES)
  local limit = given.replyLimit and integer('replyLimit', given.replyLimit, 0, MAX_MS)
  local now = clock()
  local record = load(KEYS, verb, now)
  if not record then
    local receipt = typed(redis.pcall('GET', KEYS[2]), 'timer')
    local by = receipt and string.match(receipt, '^deleted %d+ (.+)$')
    return reply_with(by == request and 'deleted' or 'not_found', now)
  end
  if record.deletedBy == request then return reply_with('deleted', now) end
  if (fence and record.fence ~= fence) or (statuses and not statuses[record.status]) then
    return reply_with('mismatch', now, record, limit)
  end
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[2], 'deleted ' .. record.fence .. ' ' .. request, 'PX', RECEIPT_MS)
  if record.status == 'PENDING' then publish(verb, KEYS[1], record, 'DELETED', now, true, '') end
  return reply_with('deleted', now, record, limit)
end)
end)
