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

-- @include arguments
-- @include words
-- @include statuses
-- @include record
-- @include fence
-- @include retention
-- @include lease

local function check_options(plan)
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
end

local function plan_of(arguments)
  local plan = {
    request = request_of(arguments[2]), timeoutMs = integer('timeoutMs', arguments[3], 1, MAX_MS), metadata = arguments[4],
  }
  if #arguments > 4 then
    add_options(plan, arguments, 5, ' retention owner leaseMs maxAttempts conflict reuse minFreshMs rejectFence origin replyLimit ')
    check_options(plan)
  end
  return plan
end

local function lease_end(plan, now, deadline)
  return exact(math.min(now.ms + plan.leaseMs, deadline))
end

-- The fields that few flows have.
local function add_rare_fields(key, plan, previous, deleted_by, ended_by)
  local displaced = previous and previous.status == 'PENDING' and previous.createdBy
  if tonumber(plan.maxAttempts or 0) > 0 then redis.call('HSET', key, 'maxAttempts', plan.maxAttempts) end
  if plan.retention then redis.call('HSET', key, 'retention', plan.retention) end
  if displaced then redis.call('HSET', key, 'displaced', displaced) end
  if deleted_by then redis.call('HSET', key, 'deletedBy', deleted_by) end
  if ended_by then redis.call('HSET', key, 'endedBy', ended_by) end
end

local function open(keys, plan, verb, now, previous)
  local deadline = now.ms + plan.timeoutMs
  local deadline_at = exact(deadline)
  local lease_until = plan.leaseMs and lease_end(plan, now, deadline)
  local left = typed(redis.pcall('SET', keys[2], '1', 'PXAT', lease_until or deadline_at, 'GET'), 'timer')
  if previous and previous.status == 'PENDING' then publish(verb, keys[1], previous, 'SUPERSEDED', now.text, 'inline', '') end
  -- A delete leaves its receipt in the timer; the new record keeps it, and who ended the flow before, so that a late replay of
  -- either cannot touch a successor.
  local deleted_fence, deleted_by, ended_by
  if left and left ~= '1' then deleted_fence, deleted_by, ended_by = string.match(left, '^deleted (%d+) (%S+) ?(%S*)$') end
  if ended_by == '' then ended_by = nil end
  if previous then deleted_by, ended_by = deleted_by or previous.deletedBy, previous.settledBy or previous.endedBy end
  local fence = next_fence(previous and previous.fence or deleted_fence, now)
  local record = {
    status = 'PENDING', fence = fence, origin = fence, attempt = lease_until and '1' or '0', createdAt = now.text,
    deadlineAt = deadline_at, leaseUntil = lease_until, owner = plan.owner, metadata = plan.metadata,
  }
  if previous then redis.call('DEL', keys[1]) end
  redis.call('HSET', keys[1], 'v', '1', 'status', 'PENDING', 'fence', fence, 'origin', fence, 'attempt', record.attempt,
    'createdAt', now.text, 'deadlineAt', deadline_at, 'createdBy', plan.request, 'metadata', plan.metadata)
  if lease_until then redis.call('HSET', keys[1], 'owner', plan.owner, 'leaseUntil', lease_until) end
  add_rare_fields(keys[1], plan, previous, deleted_by, ended_by)
  redis.call('PEXPIREAT', keys[1], exact(deadline + retention_of(plan.retention, 'TIMED_OUT')))
  return reply_with('created', now, record)
end

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
  record.leaseUntil = lease_end(plan, now, tonumber(record.deadlineAt))
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

local function verdict_on(keys, plan, verb, record, now)
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

local function create(keys, arguments)
  local verb = verb_of(keys, arguments, 4)
  local plan = plan_of(arguments)
  local now = clock()
  local record = load(keys, verb, now)
  if not record then
    if plan.origin then return reply_with('not_found', now) end
    return open(keys, plan, verb, now, nil)
  end
  local verdict = verdict_on(keys, plan, verb, record, now)
  if verdict then return reply_with(verdict, now, record, plan.replyLimit or 65536) end
  return open(keys, plan, verb, now, record)
end

return answer(create, KEYS, ARGV)
