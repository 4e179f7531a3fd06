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
