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
--   replyLimit   bytes; a larger result or error is left out of the reply and named in `omitted`
--
-- Replies: verdict, server time in ms, then the record as field, value pairs.
--   created      the flow is new, this caller opened it (and owns it, if it gave owner and leaseMs)
--   joined       it is pending, somebody else opened or holds it
--   taken_over   its owner was gone; this caller is the owner now: next attempt, new fence, same origin
--   settled      it is terminal and handed back as it is; also when its attempts are used up (FAILED, settledBy owner_lost)
--   superseded   with origin: another flow stands there now; or a replay of a create that was superseded meanwhile
--   not_found    with origin: nothing stands there
--
-- Invariant: at most one owner holds a fence, and a fence is given once. Replayed, it answers as it did the first time.

-- @include arguments
-- @include record

local OPTIONS = {
  retention = true, owner = true, leaseMs = true, maxAttempts = true, conflict = true, reuse = true,
  minFreshMs = true, rejectFence = true, origin = true, replyLimit = true,
}

local function plan_of(arguments)
  local given = options_of(arguments, 5, OPTIONS)
  local plan = {
    request = request_of(arguments[2]),
    timeout = integer('timeoutMs', arguments[3], 1, MAX_MS),
    metadata = arguments[4],
    retention = given.retention,
    lease = given.leaseMs and integer('leaseMs', given.leaseMs, 1, MAX_MS),
    owner = given.owner and token('owner', given.owner),
    attempts = integer('maxAttempts', given.maxAttempts or '0', 0, 1000000),
    supersede = given.conflict == 'supersede',
    reuse = given.reuse and statuses_of('reuse', given.reuse, TERMINAL) or { COMPLETED = true },
    fresh = integer('minFreshMs', given.minFreshMs or '0', 0, MAX_MS),
    reject = given.rejectFence and fence_of('rejectFence', given.rejectFence),
    origin = given.origin and fence_of('origin', given.origin),
    limit = given.replyLimit and integer('replyLimit', given.replyLimit, 0, MAX_MS),
  }
  if given.conflict and given.conflict ~= 'join' and given.conflict ~= 'supersede' then
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
  local first_look = plan.lease and math.min(now + plan.lease, deadline) or deadline
  local left = typed(redis.pcall('SET', keys[2], '1', 'PXAT', exact(first_look), 'GET'), 'timer')
  if previous and previous.status == 'PENDING' then publish(verb, keys[1], previous, 'SUPERSEDED', now, true, '') end
  -- A delete leaves its receipt in the timer; the new record keeps it, so that a late replay cannot delete a successor.
  local deleted_fence, deleted_by = string.match(left or '', '^deleted (%d+) (.+)$')
  local fence = next_fence(previous and previous.fence or deleted_fence, micros)
  local fields = {
    'v', '1', 'status', 'PENDING', 'fence', fence, 'origin', fence, 'attempt', plan.lease and '1' or '0',
    'createdAt', exact(now), 'deadlineAt', exact(deadline), 'createdBy', plan.request, 'metadata', plan.metadata,
  }
  local function add(name, value)
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  if plan.lease then
    add('owner', plan.owner)
    add('leaseUntil', lease_end(plan, now, deadline))
  end
  if plan.attempts > 0 then add('maxAttempts', exact(plan.attempts)) end
  if plan.retention then add('retention', plan.retention) end
  if previous and previous.status == 'PENDING' and previous.createdBy then add('displaced', previous.createdBy) end
  deleted_by = deleted_by or (previous and previous.deletedBy)
  if deleted_by then add('deletedBy', deleted_by) end
  if previous then redis.call('DEL', keys[1]) end
  redis.call('HSET', keys[1], unpack(fields))
  redis.call('PEXPIREAT', keys[1], exact(deadline + retention_of(plan, 'TIMED_OUT')))
  local reply = { 'created', exact(now) }
  for at = 1, #fields do reply[at + 2] = fields[at] end
  return reply
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
