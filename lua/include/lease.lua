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
