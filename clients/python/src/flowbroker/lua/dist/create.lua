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
--   replyLimit   bytes; a larger result or error is left out of the reply; default 65536
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
-- How long a settled record stays: as its creator said, else by the contract's defaults.

local function retention_of(retention, status)
  if not retention then return status == 'COMPLETED' and 300000 or 60000 end
  local completed, failed, canceled, timed_out = string.match(retention, '^(%d+) (%d+) (%d+) (%d+)$')
  if not completed then return retention_of(nil, status) end
  if status == 'COMPLETED' then return completed end
  if status == 'FAILED' then return failed end
  return status == 'CANCELED' and canceled or timed_out
end

local function create(keys, arguments)
  local verb = verb_of(keys, arguments, 4)
  local request, timeout, metadata = token('request', arguments[2]), integer('timeoutMs', arguments[3], 1, MAX_MS), arguments[4]
  local plan = {}
  if #arguments > 4 then
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
      local plan = options_of(arguments, 5, ' retention owner leaseMs maxAttempts conflict reuse minFreshMs rejectFence origin replyLimit ')
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
      if plan.retention then
        local numbers = { string.match(plan.retention, '^(%d+) (%d+) (%d+) (%d+)$') }
        if #numbers == 0 then refuse('FLOWARG', 'retention must be four whole numbers with a space between') end
        for at = 1, 4 do integer('retention', numbers[at], 1, MAX_MS) end
      end
      return plan
    end
    plan = plan_of(arguments)
  end
  plan.request = request

  local now = clock()
  local previous = load(keys, verb, now)
  if previous then
    -- The lease of a flow that somebody owns.

    -- Whether the flow's lease is over. An open flow has none.
    local function lapsed(record, now)
      return record.leaseUntil ~= nil and tonumber(record.leaseUntil) <= now.ms
    end

    local function holds(record, fence, owner)
      return record.leaseUntil ~= nil and record.fence == fence and record.owner == owner
    end

    -- The timer ends when the flow next needs a look; its expiry is a hint, nothing depends on it.
    local function set_timer(keys, record, now)
      local at = record.deadlineAt
      if record.leaseUntil and not lapsed(record, now) then at = record.leaseUntil end
      redis.call('SET', keys[2], '1', 'PXAT', at)
    end
    -- What create does with a flow that stands.

    local function take_over(keys, plan, verb, record, now)
      local most = tonumber(record.maxAttempts or 0)
      if most > 0 and tonumber(record.attempt) >= most then
        record.error = string.format('{"name":"OwnerLostError","message":"the owner was lost in attempt %s of %s","code":"owner_lost"}',
          record.attempt, record.maxAttempts)
        mark_settled(keys, record, 'FAILED', now.text, 'owner_lost', 'error', record.error)
        redis.call('PEXPIREAT', keys[1], exact(now.ms + retention_of(record.retention, 'FAILED')))
        publish(verb, keys[1], record, 'FAILED', record.settledAt, 'stored', '')
        return 'settled'
      end
      record.fence = next_fence(record.fence, now)
      record.attempt = exact(record.attempt + 1)
      record.owner = plan.owner
      record.leaseUntil = exact(math.min(now.ms + plan.leaseMs, tonumber(record.deadlineAt)))
      redis.call('HSET', keys[1], 'fence', record.fence, 'attempt', record.attempt, 'owner', plan.owner, 'leaseUntil', record.leaseUntil,
        'displaced', record.createdBy or '', 'createdBy', plan.request)
      set_timer(keys, record, now)
      return 'taken_over'
    end

    -- A flow that used up its attempts stays so for its retention: a later caller must not run what may run only so often.
    local function handed_back(record, plan, now)
      if record.settledBy == 'owner_lost' then return true end
      if plan.reuse and not plan.reuse[record.status] then return false end
      if record.status ~= 'COMPLETED' then return plan.reuse ~= nil end
      if record.fence == plan.rejectFence then return false end
      return record.freshUntil == nil or record.freshUntil - now.ms >= tonumber(plan.minFreshMs or 0)
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
    local verdict = verdict_on_standing(keys, plan, verb, previous, now)
    if verdict then return reply_with(verdict, now, previous, plan.replyLimit or 65536) end
  elseif plan.origin then
    return reply_with('not_found', now)
  end

  local deadline = now.ms + timeout
  local deadline_at = exact(deadline)
  local lease_until = plan.leaseMs and exact(math.min(now.ms + plan.leaseMs, deadline))
  local left = typed(redis.pcall('SET', keys[2], '1', 'PXAT', lease_until or deadline_at, 'GET'), 'timer')
  -- A delete leaves its receipt in the timer; the new record keeps it, and who ended the flow before, so that a late replay of
  -- either cannot touch a successor.
  local deleted_fence, deleted_by, ended_by, displaced
  if left and left ~= '1' then deleted_fence, deleted_by, ended_by = string.match(left, '^deleted (%d+) (%S+) ?(%S*)$') end
  if ended_by == '' then ended_by = nil end
  if previous then
    if previous.status == 'PENDING' then
      publish(verb, keys[1], previous, 'SUPERSEDED', now.text, 'inline', '')
      displaced = previous.createdBy
    end
    deleted_by, ended_by = deleted_by or previous.deletedBy, previous.settledBy or previous.endedBy
    redis.call('DEL', keys[1])
  end
  local fence = next_fence(previous and previous.fence or deleted_fence, now)
  local record = {
    status = 'PENDING', fence = fence, origin = fence, attempt = lease_until and '1' or '0', createdAt = now.text,
    deadlineAt = deadline_at, leaseUntil = lease_until, owner = plan.owner, metadata = metadata,
  }
  redis.call('HSET', keys[1], 'v', '1', 'status', 'PENDING', 'fence', fence, 'origin', fence, 'attempt', record.attempt,
    'createdAt', now.text, 'deadlineAt', deadline_at, 'createdBy', request, 'metadata', metadata)
  if lease_until then redis.call('HSET', keys[1], 'owner', plan.owner, 'leaseUntil', lease_until) end
  if tonumber(plan.maxAttempts or 0) > 0 then redis.call('HSET', keys[1], 'maxAttempts', plan.maxAttempts) end
  if plan.retention then redis.call('HSET', keys[1], 'retention', plan.retention) end
  if displaced then redis.call('HSET', keys[1], 'displaced', displaced) end
  if deleted_by then redis.call('HSET', keys[1], 'deletedBy', deleted_by) end
  if ended_by then redis.call('HSET', keys[1], 'endedBy', ended_by) end
  redis.call('PEXPIREAT', keys[1], exact(deadline + retention_of(plan.retention, 'TIMED_OUT')))
  return reply_with('created', now, record)
end

return answer(create, KEYS, ARGV)
