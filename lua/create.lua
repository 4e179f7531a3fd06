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

-- @quick create

-- @include arguments
-- @include words
-- @include time
-- @include next_fence
-- @include message
-- @include record
-- @include retention

local function create(keys, arguments)
  local verb = verb_of(keys, arguments, 4)
  local request, timeout, metadata = token('request', arguments[2]), integer('timeoutMs', arguments[3], 1, MAX_MS), arguments[4]
  local plan = {}
  if #arguments > 4 then
    -- @include options
    -- @include statuses
    -- @include fence
    -- @include plan
    plan = plan_of(arguments)
    if plan.timer and not keys[2] then refuse('FLOWARG', 'timer needs the second key') end
  end
  plan.request = request

  local now = clock()
  local previous, receipt = load(keys, verb, now)
  if previous then
    -- @include lease
    -- @include standing
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

return answer(create, KEYS, ARGV)
