-- The record: a string whose first line is words and whose rest is bytes, read and written whole. A hash of named fields costs
-- Redis a third more for a flow; see the contract for the order of the words. `-` stands for what a record does not have.

local function head_of(record)
  return record.status .. ' ' .. record.fence .. ' ' .. record.origin .. ' ' .. record.attempt .. ' ' .. record.createdAt
    .. ' ' .. record.deadlineAt .. ' ' .. record.leaseUntil .. ' ' .. record.settledAt .. ' ' .. record.freshUntil
    .. ' ' .. record.owner .. ' ' .. record.settledBy
end

-- Without an end the record keeps the one it has.
local function save(keys, record, ends_at)
  record.head = head_of(record)
  local text = '1 ' .. #record.metadata .. ' ' .. record.head .. ' ' .. record.createdBy .. record.notes .. '\n' .. record.metadata
    .. '\n' .. (record.payload or '')
  if ends_at then return redis.call('SET', keys[1], text, 'PXAT', ends_at) end
  redis.call('SET', keys[1], text, 'KEEPTTL')
end

local NOTES = ' timer retention maxAttempts displaced endedBy deletedBy releasedBy '

-- What few records have stands behind the words that all have, as ` name=word`.
local function note(record, name, word)
  record[name], record.notes = word, string.gsub(record.notes, ' ' .. name .. '=%S+', '') .. ' ' .. name .. '=' .. word
end

-- Who gives the record's key alone leaves the timer as it is: then it ends by itself, and all it does is hint.
local function drop_timer(keys, record)
  if not record.timer or not keys[2] then return end
  redis.call('DEL', keys[2])
  record.timer, record.notes = nil, (string.gsub(record.notes, ' timer=%S+', ''))
end

local function mark_settled(keys, record, status, at, by, payload)
  record.status, record.settledAt, record.settledBy, record.payload = status, at, by, payload
  drop_timer(keys, record)
end

local function is_no_number(word)
  return #word > 16 or string.find(word, '%D')
end

local function parse(text)
  local bytes, status, fence, origin, attempt, created_at, deadline_at, lease_until, settled_at, fresh_until, owner, settled_by,
    created_by, notes, from = string.match(text,
    '^1 (%d+) (%u[%u_]+) (%d+) (%d+) (%d+) (%d+) (%d+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)([^\n]*)\n()')
  if not bytes then
    local version = string.match(text, '^(%d+) ')
    if not version or version == '1' then refuse('FLOWTYPE', 'the record lacks a field or has one that cannot be read') end
    refuse('FLOWVERSION', 'the record has version ' .. string.sub(version, 1, 40) .. ', this script knows 1')
  end
  local at = from + bytes
  -- tonumber would take 0x10, 1e9 and nan too, and 17 digits are no longer exact.
  if string.byte(text, at) ~= 10 or #fence > 16 or #origin > 16 or #attempt > 16 or #created_at > 16 or #deadline_at > 16
    or lease_until ~= '-' and is_no_number(lease_until) or settled_at ~= '-' and is_no_number(settled_at)
    or fresh_until ~= '-' and is_no_number(fresh_until)
    or status ~= 'PENDING' and status ~= 'COMPLETED' and status ~= 'FAILED' and status ~= 'CANCELED' and status ~= 'TIMED_OUT'
    and status ~= 'DELETED' then
    refuse('FLOWTYPE', 'the record lacks a field or has one that cannot be read')
  end
  local record = {
    status = status, fence = fence, origin = origin, attempt = attempt, createdAt = created_at, deadlineAt = deadline_at,
    leaseUntil = lease_until, settledAt = settled_at, freshUntil = fresh_until, owner = owner, settledBy = settled_by,
    createdBy = created_by, notes = notes, metadata = string.sub(text, from, at - 1),
    payload = status ~= 'PENDING' and status ~= 'TIMED_OUT' and string.sub(text, at + 1) or nil,
  }
  if notes ~= '' then
    for name, word in string.gmatch(notes, ' (%a+)=(%S+)') do
      if string.find(NOTES, ' ' .. name .. ' ', 1, true) then record[name] = word end
    end
    if string.gsub(notes, ' %a+=%S+', '') ~= '' or record.maxAttempts and is_no_number(record.maxAttempts) then
      refuse('FLOWTYPE', 'the record lacks a field or has one that cannot be read')
    end
  end
  return record
end

-- The record as the state table sees it: a deadline that has passed is settled and told before the verb looks at it. Where a
-- delete left its receipt there is none, and the receipt comes second.
local function load(keys, verb, now)
  local text = typed(redis.pcall('GET', keys[1]), 'record')
  if not text then return nil end
  local record = parse(text)
  if record.status == 'DELETED' then return nil, record end
  if record.status == 'PENDING' and tonumber(record.deadlineAt) <= now.ms then
    mark_settled(keys, record, 'TIMED_OUT', record.deadlineAt, 'timeout')
    save(keys, record)
    publish(verb, keys[1], record, 'TIMED_OUT', record.deadlineAt, 'inline', '')
  end
  return record
end

-- Reply: verdict, head, and where there is a record its metadata and, once it is settled with one, its payload.
-- Head: `1 <now>` and then the record's words up to `settledBy`. A payload over `limit` bytes is left out.
local function reply_with(verdict, now, record, limit)
  if not record then return { verdict, '1 ' .. now.text } end
  local payload = record.payload
  if payload and limit and #payload > limit then payload = nil end
  return { verdict, '1 ' .. now.text .. ' ' .. (record.head or head_of(record)), record.metadata, payload }
end
