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

-- @include arguments
-- @include record

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
