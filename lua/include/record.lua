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
