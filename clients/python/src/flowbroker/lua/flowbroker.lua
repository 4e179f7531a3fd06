#!lua name=flowbroker

-- Generated from the verbs beside this file: FUNCTION LOAD, then FCALL flowbroker_<verb>.

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
  if #keys ~= 1 then
    if #keys ~= 2 then refuse('FLOWARG', 'one key is needed, the record, or two: the record and its timer') end
    if keys[2] ~= keys[1] .. ':timer' then refuse('FLOWARG', 'the second key must be the first with :timer behind') end
  end
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

-- Arguments that are words.

local function token(name, text)
  if not text or #text == 0 or #text > 64 or not string.find(text, '^[%w_.:][%w_.:-]*$') then
    refuse('FLOWARG', name .. ' must be 1 to 64 of A-Z a-z 0-9 _ . : - and not begin with -')
  end
  -- A request id must never read like the word with which a script itself signs a settlement.
  if (text == 'timeout' or text == 'owner_lost') and name == 'request' then refuse('FLOWARG', 'request must not be the word ' .. text) end
  return text
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

-- The next fence only grows, and survives deletion and expiry of the key.

local function next_fence(previous, now)
  if previous and tonumber(previous) >= now.micros then return exact(previous + 1) end
  return now.digits
end

-- What is told on the channel, which is the record's key.

-- A wake-up that cannot be sent (an ACL without channels) is one that is missed: what was written stands, and pollers find it.
local function publish(verb, key, record, event, at, form, payload)
  redis.pcall(verb, key, '1 ' .. event .. ' ' .. record.origin .. ' ' .. record.fence .. ' ' .. at .. ' ' .. form .. '\n' .. payload)
end

-- The record: a string whose first line is words and whose rest is bytes, read and written whole. A hash of named fields costs
-- Redis a third more for a flow; see the contract for the order of the words. `-` stands for what a record does not have.

local function head_of(record)
  return record.status .. ' ' .. record.fence .. ' ' .. record.origin .. ' ' .. record.attempt .. ' ' .. record.createdAt
    .. ' ' .. record.deadlineAt .. ' ' .. record.leaseUntil .. ' ' .. record.settledAt .. ' ' .. record.freshUntil
    .. ' ' .. record.owner .. ' ' .. record.settledBy
end

-- Without an end the record keeps the one it has.
local function save(keys, record, ends_at)
  record.head = head_of(record)
  local text = '1 ' .. #record.metadata .. ' ' .. record.head .. ' ' .. record.createdBy .. record.notes .. '\n' .. record.metadata
    .. '\n' .. (record.payload or '')
  if ends_at then return redis.call('SET', keys[1], text, 'PXAT', ends_at) end
  redis.call('SET', keys[1], text, 'KEEPTTL')
end

local NOTES = ' timer retention maxAttempts displaced endedBy deletedBy releasedBy '

-- What few records have stands behind the words that all have, as ` name=word`.
local function note(record, name, word)
  record[name], record.notes = word, string.gsub(record.notes, ' ' .. name .. '=%S+', '') .. ' ' .. name .. '=' .. word
end

-- Who gives the record's key alone leaves the timer as it is: then it ends by itself, and all it does is hint.
local function drop_timer(keys, record)
  if not record.timer or not keys[2] then return end
  redis.call('DEL', keys[2])
  record.timer, record.notes = nil, (string.gsub(record.notes, ' timer=%S+', ''))
end

local function mark_settled(keys, record, status, at, by, payload)
  record.status, record.settledAt, record.settledBy, record.payload = status, at, by, payload
  drop_timer(keys, record)
end

local function is_no_number(word)
  return #word > 16 or string.find(word, '%D')
end

local function parse(text)
  local bytes, status, fence, origin, attempt, created_at, deadline_at, lease_until, settled_at, fresh_until, owner, settled_by,
    created_by, notes, from = string.match(text,
    '^1 (%d+) (%u[%u_]+) (%d+) (%d+) (%d+) (%d+) (%d+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)([^\n]*)\n()')
  if not bytes then
    local version = string.match(text, '^(%d+) ')
    if not version or version == '1' then refuse('FLOWTYPE', 'the record lacks a field or has one that cannot be read') end
    refuse('FLOWVERSION', 'the record has version ' .. string.sub(version, 1, 40) .. ', this script knows 1')
  end
  local at = from + bytes
  -- tonumber would take 0x10, 1e9 and nan too, and 17 digits are no longer exact.
  if string.byte(text, at) ~= 10 or #fence > 16 or #origin > 16 or #attempt > 16 or #created_at > 16 or #deadline_at > 16
    or lease_until ~= '-' and is_no_number(lease_until) or settled_at ~= '-' and is_no_number(settled_at)
    or fresh_until ~= '-' and is_no_number(fresh_until)
    or status ~= 'PENDING' and status ~= 'COMPLETED' and status ~= 'FAILED' and status ~= 'CANCELED' and status ~= 'TIMED_OUT'
    and status ~= 'DELETED' then
    refuse('FLOWTYPE', 'the record lacks a field or has one that cannot be read')
  end
  local record = {
    status = status, fence = fence, origin = origin, attempt = attempt, createdAt = created_at, deadlineAt = deadline_at,
    leaseUntil = lease_until, settledAt = settled_at, freshUntil = fresh_until, owner = owner, settledBy = settled_by,
    createdBy = created_by, notes = notes, metadata = string.sub(text, from, at - 1),
    payload = status ~= 'PENDING' and status ~= 'TIMED_OUT' and string.sub(text, at + 1) or nil,
  }
  if notes ~= '' then
    for name, word in string.gmatch(notes, ' (%a+)=(%S+)') do
      if string.find(NOTES, ' ' .. name .. ' ', 1, true) then record[name] = word end
    end
    if string.gsub(notes, ' %a+=%S+', '') ~= '' or record.maxAttempts and is_no_number(record.maxAttempts) then
      refuse('FLOWTYPE', 'the record lacks a field or has one that cannot be read')
    end
  end
  return record
end

-- The record as the state table sees it: a deadline that has passed is settled and told before the verb looks at it. Where a
-- delete left its receipt there is none, and the receipt comes second.
local function load(keys, verb, now)
  local text = typed(redis.pcall('GET', keys[1]), 'record')
  if not text then return nil end
  local record = parse(text)
  if record.status == 'DELETED' then return nil, record end
  if record.status == 'PENDING' and tonumber(record.deadlineAt) <= now.ms then
    mark_settled(keys, record, 'TIMED_OUT', record.deadlineAt, 'timeout')
    save(keys, record)
    publish(verb, keys[1], record, 'TIMED_OUT', record.deadlineAt, 'inline', '')
  end
  return record
end

-- Reply: verdict, head, and where there is a record its metadata and, once it is settled with one, its payload.
-- Head: `1 <now>` and then the record's words up to `settledBy`. A payload over `limit` bytes is left out.
local function reply_with(verdict, now, record, limit)
  if not record then return { verdict, '1 ' .. now.text } end
  local payload = record.payload
  if payload and limit and #payload > limit then payload = nil end
  return { verdict, '1 ' .. now.text .. ' ' .. (record.head or head_of(record)), record.metadata, payload }
end

-- How long a settled record stays: as its creator said, else by the contract's defaults.

local function retention_of(retention, status)
  if not retention then return status == 'COMPLETED' and 300000 or 60000 end
  local completed, failed, canceled, timed_out = string.match(retention, '^(%d+),(%d+),(%d+),(%d+)$')
  if not completed then return retention_of(nil, status) end
  if status == 'COMPLETED' then return completed end
  if status == 'FAILED' then return failed end
  return status == 'CANCELED' and canceled or timed_out
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

-- A fence as an argument.

local function fence_of(name, text)
  integer(name, text, 1, 9007199254740991)
  if string.sub(text, 1, 1) == '0' then refuse('FLOWARG', name .. ' must have no leading zeros') end
  return text
end

-- The options of create, checked.

local function plan_of(arguments)
  local plan = options_of(arguments, 5, ' retention owner leaseMs maxAttempts conflict reuse minFreshMs rejectFence origin replyLimit timer ')
  if plan.conflict and plan.conflict ~= 'join' and plan.conflict ~= 'supersede' then
    refuse('FLOWARG', 'conflict must be join or supersede')
  end
  if plan.origin and plan.conflict == 'supersede' then refuse('FLOWARG', 'origin does not go with conflict supersede') end
  if (plan.leaseMs == nil) ~= (plan.owner == nil) then refuse('FLOWARG', 'owner and leaseMs go together') end
  if plan.leaseMs then integer('leaseMs', plan.leaseMs, 1, MAX_MS) end
  if plan.owner then token('owner', plan.owner) end
  if plan.maxAttempts then integer('maxAttempts', plan.maxAttempts, 0, 1000000) end
  if plan.reuse then plan.reuse = statuses_of('reuse', plan.reuse, ' COMPLETED FAILED CANCELED TIMED_OUT ') end
  if plan.minFreshMs then integer('minFreshMs', plan.minFreshMs, 0, MAX_MS) end
  if plan.rejectFence then fence_of('rejectFence', plan.rejectFence) end
  if plan.origin then fence_of('origin', plan.origin) end
  if plan.replyLimit then plan.replyLimit = integer('replyLimit', plan.replyLimit, 0, MAX_MS) end
  if plan.timer and plan.timer ~= '1' then refuse('FLOWARG', 'timer must be 1') end
  if plan.retention then
    local numbers = { string.match(plan.retention, '^(%d+) (%d+) (%d+) (%d+)$') }
    if #numbers == 0 then refuse('FLOWARG', 'retention must be four whole numbers with a space between') end
    for at = 1, 4 do integer('retention', numbers[at], 1, MAX_MS) end
    plan.retention = table.concat(numbers, ',')
  end
  return plan
end

-- The lease of a flow that somebody owns.

-- Whether the flow's lease is over. An open flow has none.
local function lapsed(record, now)
  return record.leaseUntil ~= '-' and tonumber(record.leaseUntil) <= now.ms
end

local function holds(record, fence, owner)
  return record.leaseUntil ~= '-' and record.fence == fence and record.owner == owner
end

-- The timer ends when the flow next needs a look; its expiry is a hint, nothing depends on it.
local function set_timer(keys, record, now)
  if not record.timer or not keys[2] then return end
  local at = record.deadlineAt
  if record.leaseUntil ~= '-' and not lapsed(record, now) then at = record.leaseUntil end
  redis.call('SET', keys[2], '1', 'PXAT', at)
end

-- What create does with a flow that stands.

local function take_over(keys, plan, verb, record, now)
  local most = tonumber(record.maxAttempts or 0)
  if most > 0 and tonumber(record.attempt) >= most then
    local lost = string.format('{"name":"OwnerLostError","message":"the owner was lost in attempt %s of %s","code":"owner_lost"}',
      record.attempt, record.maxAttempts)
    mark_settled(keys, record, 'FAILED', now.text, 'owner_lost', lost)
    save(keys, record, exact(now.ms + retention_of(record.retention, 'FAILED')))
    publish(verb, keys[1], record, 'FAILED', record.settledAt, 'stored', '')
    return 'settled'
  end
  local lease_until = exact(math.min(now.ms + plan.leaseMs, tonumber(record.deadlineAt)))
  if plan.timer and not record.timer then
    typed(redis.pcall('SET', keys[2], '1', 'PXAT', lease_until, 'GET'), 'timer')
    note(record, 'timer', '1')
  end
  record.fence = next_fence(record.fence, now)
  record.attempt = exact(record.attempt + 1)
  record.owner = plan.owner
  record.leaseUntil = lease_until
  note(record, 'displaced', record.createdBy)
  record.createdBy = plan.request
  save(keys, record)
  set_timer(keys, record, now)
  return 'taken_over'
end

-- A flow that used up its attempts stays so for its retention: a later caller must not run what may run only so often.
local function handed_back(record, plan, now)
  if record.settledBy == 'owner_lost' then return true end
  if plan.reuse and not plan.reuse[record.status] then return false end
  if record.status ~= 'COMPLETED' then return plan.reuse ~= nil end
  if record.fence == plan.rejectFence then return false end
  return record.freshUntil == '-' or record.freshUntil - now.ms >= tonumber(plan.minFreshMs or 0)
end

-- Nil where a new flow takes its place.
local function verdict_on_standing(keys, plan, verb, record, now)
  if record.createdBy == plan.request then return tonumber(record.attempt) > 1 and 'taken_over' or 'created' end
  if plan.origin and record.origin ~= plan.origin then return 'superseded' end
  -- A replay of the create that this owner displaced: superseded, its flow is gone; taken over, it goes on.
  local displaced = record.displaced == plan.request
  if displaced and tonumber(record.attempt) < 2 then return 'superseded' end
  if plan.conflict == 'supersede' and not displaced then return nil end
  if record.status ~= 'PENDING' then
    if plan.origin or handed_back(record, plan, now) then return 'settled' end
    return nil
  end
  if plan.leaseMs and lapsed(record, now) then return take_over(keys, plan, verb, record, now) end
  return 'joined'
end

-- What nearly every create of a flow without an owner is: no options, and nothing stands there. Making no functions and asking with
-- one command less, it takes half the time; whatever else it meets is left to create, as if nothing had been asked.

-- The record's head and its metadata. The request reads like one, and the timeout like a number, by then. What the calls of a batch
-- have in common is made once, and kept with the instant.
local function quick_create(key, request, timeout, metadata, now)
  if #request > 64 or request == 'timeout' or request == 'owner_lost' or #timeout > 11 then return nil end
  if now.timeout ~= timeout then
    local deadline = now.text + timeout
    now.timeout, now.ends = timeout, string.format('%.0f', deadline + 60000)
    now.head = 'PENDING ' .. now.digits .. ' ' .. now.digits .. ' 0 ' .. now.text .. ' ' .. string.format('%.0f', deadline) .. ' - - - - -'
  end
  local text = '1 ' .. #metadata .. ' ' .. now.head .. ' ' .. request .. '\n' .. metadata .. '\n'
  local reply = redis.pcall('SET', key, text, 'PXAT', now.ends, 'NX')
  if type(reply) ~= 'table' or not reply.ok then return nil end
  return now.head, metadata
end

-- What nearly every settle is: a flow without an owner is completed, in time, by a call without options, or with ownChannel alone. Making no
-- functions and no record, it takes two thirds of the time; whatever else it meets is left to settle, as if nothing had been asked.

-- The record's head and its metadata. The request reads like one by then. What the calls of a batch have in common is made once, and
-- kept with the instant.
local function quick_settle(key, request, payload, inline, now, verb, own)
  if #request > 64 or request == 'timeout' or request == 'owner_lost' or own and (own == '' or #own > 512) then return nil end
  if now.inline ~= inline then
    if #inline > 11 or not string.find(inline, '^%d+$') then return nil end
    now.inline, now.most, now.kept = inline, tonumber(inline), string.format('%.0f', now.text + 300000)
  end
  local text = redis.pcall('GET', key)
  if type(text) ~= 'string' then return nil end
  local bytes, words, fence, deadline, created_by, from = string.match(text,
    '^1 (%d+) PENDING ((%d+) %3 0 %d+ (%d+) %-) %- %- %- %- (%S+)\n()')
  -- A record that was never taken over has its origin as its fence, and words of these lengths; of any other, settle finds out whether it
  -- can be read.
  if not words or #words ~= 65 or #fence ~= 16 or #deadline ~= 13 or deadline <= now.text then return nil end
  local at = from + bytes
  if string.byte(text, at) ~= 10 then return nil end
  local head = 'COMPLETED ' .. words .. ' ' .. now.text .. ' - - ' .. request
  local metadata = string.sub(text, from, at - 1)
  local reply = redis.pcall('SET', key, '1 ' .. bytes .. ' ' .. head .. ' ' .. created_by .. '\n' .. metadata .. '\n' .. payload,
    'PXAT', now.kept)
  if not reply.ok then return nil end
  local told = #payload <= now.most and 'inline\n' .. payload or 'stored\n'
  if own then redis.pcall(verb, own, '') end
  redis.pcall(verb, key, '1 COMPLETED ' .. fence .. ' ' .. fence .. ' ' .. now.text .. ' ' .. told)
  return head, metadata
end

-- The record of a generation lease: a hash with readable fields. Who holds it is there while it is held.

local KEEP_MS = 86400000 -- a generation survives its last holder by a day

local function check_hold(hold)
  local numbers = (hold.generation or '?') .. ' ' .. (hold.fence or '?') .. ' ' .. (hold.leaseUntil or '0')
  if not string.find(numbers, '^%d+ %d+ %d+$') or #hold.generation > 16 or #hold.fence > 16 or #(hold.leaseUntil or '') > 16
    or (hold.owner == nil) ~= (hold.leaseUntil == nil) or not string.find(hold.owner or '-', '^%S+$') then
    refuse('FLOWTYPE', 'the lease lacks a field or has one that cannot be read')
  end
end

local function check_keys(keys)
  if #keys ~= 2 then refuse('FLOWARG', 'two keys are needed: the lease and its timer') end
end

-- Generation 0 where nothing stands.
local function load_hold(keys)
  local list = typed(redis.pcall('HGETALL', keys[1]), 'lease')
  if #list == 0 then return { generation = '0', fence = '0' }, false end
  local hold = {}
  for at = 1, #list, 2 do hold[list[at]] = list[at + 1] end
  if hold.v == nil then refuse('FLOWTYPE', 'the lease key holds a hash that is no lease') end
  if hold.v ~= '1' then refuse('FLOWVERSION', 'the lease has version ' .. string.sub(hold.v, 1, 40) .. ', this script knows 1') end
  check_hold(hold)
  return hold, true
end

local function is_held(hold, now)
  return hold.owner ~= nil and tonumber(hold.leaseUntil) > now.ms
end

-- Reply: verdict, and the head: `1 <now> <generation> <fence> <leaseUntil> <owner> <advancing>`, `-` for what it does not have.
-- A lease that ran out is shown as free.
local function hold_reply(verdict, now, hold)
  local held = is_held(hold, now)
  local holder = held and hold.leaseUntil .. ' ' .. hold.owner .. ' ' .. (hold.advancing or '0') or '- - -'
  return { verdict, '1 ' .. now.text .. ' ' .. hold.generation .. ' ' .. hold.fence .. ' ' .. holder }
end

local verbs = {}

do
-- create: opens a flow, joins one that is pending, takes over one whose owner is gone, hands back one that is settled.
--
-- KEYS[1] record     flow:{<type>:<id>}, also the channel
-- KEYS[2] timer      flow:{<type>:<id>}:timer; may be left out where no timer is kept
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
--   replyLimit   bytes; a larger result or error is left out of the reply; default 65536
--   timer        1: keep the timer key, whose end Redis tells where keyspace events are on
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

local function create(keys, arguments)
  local verb = verb_of(keys, arguments, 4)
  local request, timeout, metadata = token('request', arguments[2]), integer('timeoutMs', arguments[3], 1, MAX_MS), arguments[4]
  local plan = {}
  if #arguments > 4 then

    plan = plan_of(arguments)
    if plan.timer and not keys[2] then refuse('FLOWARG', 'timer needs the second key') end
  end
  plan.request = request

  local now = clock()
  local previous, receipt = load(keys, verb, now)
  if previous then

    local verdict = verdict_on_standing(keys, plan, verb, previous, now)
    if verdict then return reply_with(verdict, now, previous, plan.replyLimit or 65536) end
  elseif plan.origin then
    return reply_with('not_found', now)
  end

  local deadline = now.ms + timeout
  local deadline_at = exact(deadline)
  local lease_until = plan.leaseMs and exact(math.min(now.ms + plan.leaseMs, deadline))
  if plan.timer then typed(redis.pcall('SET', keys[2], '1', 'PXAT', lease_until or deadline_at, 'GET'), 'timer') end
  local before = previous or receipt
  local fence = next_fence(before and before.fence, now)
  local record = {
    status = 'PENDING', fence = fence, origin = fence, attempt = lease_until and '1' or '0', createdAt = now.text,
    deadlineAt = deadline_at, leaseUntil = lease_until or '-', settledAt = '-', freshUntil = '-', owner = plan.owner or '-',
    settledBy = '-', createdBy = request, notes = '', metadata = metadata,
  }
  if plan.timer then note(record, 'timer', '1') end
  if plan.retention then note(record, 'retention', plan.retention) end
  if tonumber(plan.maxAttempts or 0) > 0 then note(record, 'maxAttempts', plan.maxAttempts) end
  if before then
    if before.status == 'PENDING' then note(record, 'displaced', before.createdBy) end
    if not plan.timer then drop_timer(keys, before) end
    -- Who ended or deleted the flow before, so that a late replay of either cannot touch its successor.
    local ended_by = before.settledBy ~= '-' and before.settledBy or before.endedBy
    if ended_by then note(record, 'endedBy', ended_by) end
    if before.deletedBy then note(record, 'deletedBy', before.deletedBy) end
  end
  save(keys, record, exact(deadline + retention_of(plan.retention, 'TIMED_OUT')))
  if record.displaced then publish(verb, keys[1], before, 'SUPERSEDED', now.text, 'inline', '') end
  return reply_with('created', now, record)
end

verbs.create = create
redis.register_function('flowbroker_create', function(keys, arguments) return answer(create, keys, arguments) end)
end

do
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

local function settle(keys, arguments)
  local verb, request, status, payload = verb_of(keys, arguments, 5), token('request', arguments[2]), arguments[3], arguments[4]
  if status ~= 'COMPLETED' and status ~= 'FAILED' and status ~= 'CANCELED' then
    refuse('FLOWARG', 'status must be COMPLETED, FAILED or CANCELED')
  end
  local inline = integer('inlineBytes', arguments[5], 0, MAX_MS)
  local fence, fresh, retention, limit, replace, own
  if #arguments > 5 then

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

verbs.settle = settle
redis.register_function('flowbroker_settle', function(keys, arguments) return answer(settle, keys, arguments) end)
end

do
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

verbs.renew = renew
redis.register_function('flowbroker_renew', function(keys, arguments) return answer(renew, keys, arguments) end)
end

do
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

verbs.release = release
redis.register_function('flowbroker_release', function(keys, arguments) return answer(release, keys, arguments) end)
end

do
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

local function read(keys, arguments)
  local verb, limit = verb_of(keys, arguments, 1), nil
  if #arguments > 1 then

    limit = options_of(arguments, 2, ' replyLimit ').replyLimit
    limit = limit and integer('replyLimit', limit, 0, MAX_MS)
  end
  local now = clock()
  local record = load(keys, verb, now)
  if not record then return reply_with('not_found', now) end
  return reply_with('found', now, record, limit)
end

verbs.read = read
redis.register_function('flowbroker_read', function(keys, arguments) return answer(read, keys, arguments) end)
end

do
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

verbs.delete = delete
redis.register_function('flowbroker_delete', function(keys, arguments) return answer(delete, keys, arguments) end)
end

do
-- batch: several calls of create, settle and read in one, in their order, each as if it had come alone; in fewer arguments and answers than by themselves.
--
-- KEYS[1] record   of the first call: flow:{<type>:<id>}
-- KEYS[2] timer    of the first call: flow:{<type>:<id>}:timer; then two keys for each further call; or the records alone
-- ARGV[1] publish  PUBLISH, or SPUBLISH in Cluster; of all calls
-- ARGV[2] call     words with a space between: verb, count, and the first arguments of the script with that name behind publish
-- ARGV[3…] more    its other arguments, as many as count says, 0 to 64; then the next call, and so on
--
-- Replies: a list instead of a verdict.
--   list  one reply a call, in their order: in one string what the script of that name replies, or the error it ends with; see the contract
--
-- Invariant: one call's error ends that call alone. In Cluster all keys must be in one slot.

local verbs = { create = verbs.create, settle = verbs.settle, read = verbs.read }

local MOST_ARGUMENTS = 64

-- Nothing runs unless every call can be told from the next.
local function check_frame(keys, arguments)
  if arguments[1] ~= 'PUBLISH' and arguments[1] ~= 'SPUBLISH' then refuse('FLOWARG', 'publish must be PUBLISH or SPUBLISH') end
  local at, calls, last = 2, 0, #arguments
  while at <= last do
    local verb, count = string.match(arguments[at], '^(%l+) (%d+)')
    if not verbs[verb] then refuse('FLOWARG', 'call must begin with create, settle or read, and a count') end
    count = tonumber(count)
    if count > MOST_ARGUMENTS then refuse('FLOWARG', string.format('count must be 0 to %d', MOST_ARGUMENTS)) end
    at, calls = at + 1 + count, calls + 1
  end
  if at ~= last + 1 then refuse('FLOWARG', 'the counts do not add up to the number of arguments') end
  if calls == 0 or #keys ~= calls and #keys ~= 2 * calls then
    refuse('FLOWARG', 'each call needs one key, the record, or two: the record and its timer')
  end
  return #keys / calls
end

local function error_of(thrown)
  if type(thrown) ~= 'table' then return redis.error_reply(tostring(thrown)) end
  return redis.error_reply(thrown.refusal or thrown.err)
end

local function packed(verdict, head, metadata, payload)
  if not metadata then return verdict .. ' - ' .. head end
  return verdict .. ' ' .. #metadata .. ' ' .. head .. '\n' .. metadata .. (payload and '\n' .. payload or '')
end

local function run(keys, line, publish, more)
  local verb, words = string.match(line, '^(%l+) %d+(.*)$')
  if words ~= '' and not string.find(words, '^ ') then refuse('FLOWARG', 'count must be followed by a space') end
  local arguments = { publish }
  for word in string.gmatch(words, '[^ ]+') do arguments[#arguments + 1] = word end
  for _, argument in ipairs(more) do arguments[#arguments + 1] = argument end
  return verbs[verb](keys, arguments)
end

local function carry_out(keys, line, publish, more)
  local ok, answered = pcall(run, keys, line, publish, more)
  if not ok then return error_of(answered) end
  return packed(unpack(answered, 1, 4))
end

local function batch(keys, arguments)
  local step, publish, now = check_frame(keys, arguments), arguments[1], clock()
  local replies, at = {}, 2
  for key = 1, #keys, step do
    local line, record = arguments[at], keys[key]
    local head, metadata, last
    if step == 1 or keys[key + 1] == record .. ':timer' then
      local request, timeout = string.match(line, '^create 1 ([%w_.:][%w_.:-]*) ([1-9]%d*)$')
      if request then
        last, head, metadata = at + 1, quick_create(record, request, timeout, arguments[at + 1], now)
        if head then replies[#replies + 1] = 'created ' .. #metadata .. ' 1 ' .. now.text .. ' ' .. head .. '\n' .. metadata end
      else
        request = string.match(line, '^settle 2 ([%w_.:][%w_.:-]*) COMPLETED$')
        if request then
          last, head, metadata = at + 2, quick_settle(record, request, arguments[at + 1], arguments[at + 2], now, publish)
          if head then replies[#replies + 1] = 'applied ' .. #metadata .. ' 1 ' .. now.text .. ' ' .. head .. '\n' .. metadata end
        end
      end
    end
    if not head then
      last = at + string.match(line, '%d+')
      replies[#replies + 1] = carry_out({ unpack(keys, key, key + step - 1) }, line, publish, { unpack(arguments, at + 1, last) })
    end
    at = last + 1
  end
  return replies
end

redis.register_function('flowbroker_batch', function(keys, arguments) return answer(batch, keys, arguments) end)
end

do
-- acquire: takes a generation lease if nobody holds it, and if its generation is still the one that the caller knows.
--
-- KEYS[1] lease    flow:{@lease:<name>}, also the channel
-- KEYS[2] timer    flow:{@lease:<name>}:timer
-- ARGV[1] publish  PUBLISH, or SPUBLISH in Cluster
-- ARGV[2] owner    token of this acquisition: the same each time it is sent, never used for another
-- ARGV[3] leaseMs  how long it is held, if it is not freed before
-- ARGV[4…] options name, value pairs:
--   expectedGeneration  take it only while the generation is this one
--   advanceGeneration   1: the generation grows by one, for everybody who knows an older one to be refused from now on
--
-- Replies: verdict, head; see the contract.
--   acquired  the lease is the caller's until leaseUntil; the generation is shown, advanced if it was asked for
--   held      somebody else holds it, until leaseUntil
--   stale     the generation is not the expected one
--   over      this owner had it before and freed it
--
-- Invariant: one holder at a time; a generation never shrinks, and survives its last holder by 24 hours. Replayed, it takes nothing twice.

local function acquire(keys, arguments)
  verb_of(keys, arguments, 3)
  check_keys(keys)
  local owner, lease = token('owner', arguments[2]), integer('leaseMs', arguments[3], 1, MAX_MS)
  local given = options_of(arguments, 4, ' expectedGeneration advanceGeneration ')
  local expected = given.expectedGeneration and integer('expectedGeneration', given.expectedGeneration, 0, 9007199254740991)
  if given.advanceGeneration and given.advanceGeneration ~= '1' then refuse('FLOWARG', 'advanceGeneration must be 1') end
  local now = clock()
  local hold = load_hold(keys)
  if hold.owner == owner then return hold_reply('acquired', now, hold) end
  if hold.freed == owner then return hold_reply('over', now, hold) end
  if expected and tonumber(hold.generation) ~= expected then return hold_reply('stale', now, hold) end
  if is_held(hold, now) then return hold_reply('held', now, hold) end
  -- The timer of a lease that is free is not there; whatever is there must be one that this script may replace.
  typed(redis.pcall('GET', keys[2]), 'timer')
  if given.advanceGeneration then hold.generation = exact(hold.generation + 1) end
  hold.fence, hold.owner, hold.leaseUntil = next_fence(hold.fence, now), owner, exact(now.ms + lease)
  hold.advancing = given.advanceGeneration or '0'
  redis.call('HSET', keys[1], 'v', '1', 'generation', hold.generation, 'fence', hold.fence, 'owner', owner,
    'leaseUntil', hold.leaseUntil, 'advancing', hold.advancing)
  redis.call('PEXPIREAT', keys[1], exact(now.ms + lease + KEEP_MS))
  redis.call('SET', keys[2], '1', 'PXAT', hold.leaseUntil)
  return hold_reply('acquired', now, hold)
end

verbs.acquire = acquire
redis.register_function('flowbroker_acquire', function(keys, arguments) return answer(acquire, keys, arguments) end)
end

do
-- free: the holder gives a generation lease back; those who wait for it are told.
--
-- KEYS[1] lease    flow:{@lease:<name>}, also the channel
-- KEYS[2] timer    flow:{@lease:<name>}:timer
-- ARGV[1] publish  PUBLISH, or SPUBLISH in Cluster
-- ARGV[2] owner    the token that acquire was given
--
-- Replies: verdict, head; see the contract.
--   freed       the lease is no longer this owner's: by this call, or before it (then nobody is told again)
--   superseded  another holds it, or this owner never did
--   not_found   nothing stands there
--
-- Invariant: the generation stays, for another 24 hours; only the hold ends. Replayed, it answers as it did the first time.

local function free(keys, arguments)
  local verb, owner = verb_of(keys, arguments, 2), token('owner', arguments[2])
  check_keys(keys)
  if #arguments > 2 then refuse('FLOWARG', 'free takes 2 arguments') end
  local now = clock()
  local hold, stands = load_hold(keys)
  if not stands then return hold_reply('not_found', now, hold) end
  if hold.freed == owner then return hold_reply('freed', now, hold) end
  if hold.owner ~= owner then return hold_reply('superseded', now, hold) end
  local live = is_held(hold, now)
  redis.call('HDEL', keys[1], 'owner', 'leaseUntil', 'advancing')
  redis.call('HSET', keys[1], 'freed', owner)
  redis.call('PEXPIREAT', keys[1], exact(now.ms + KEEP_MS))
  redis.call('DEL', keys[2])
  hold.owner, hold.leaseUntil = nil, nil
  if live then publish(verb, keys[1], { origin = '1', fence = hold.fence }, 'RELEASED', now.text, 'inline', '') end
  return hold_reply('freed', now, hold)
end

verbs.free = free
redis.register_function('flowbroker_free', function(keys, arguments) return answer(free, keys, arguments) end)
end

do
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

local function generation(keys, arguments)
  verb_of(keys, arguments, 1)
  check_keys(keys)
  if #arguments > 1 then refuse('FLOWARG', 'generation takes 1 argument') end
  local now = clock()
  local hold, stands = load_hold(keys)
  return hold_reply(stands and 'found' or 'not_found', now, hold)
end

verbs.generation = generation
redis.register_function('flowbroker_generation', function(keys, arguments) return answer(generation, keys, arguments) end)
end
