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
