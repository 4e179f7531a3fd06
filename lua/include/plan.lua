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
