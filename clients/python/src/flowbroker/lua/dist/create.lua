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

-- What nearly every create of a flow without an owner is: no options, and nothing stands there. Making no functions and asking with
-- one command less, it takes half the time; whatever else it meets is left to create, as if nothing had been asked.

-- The record's head and its metadata. The request reads like one, and the timeout like a number, by then. What the calls of a batch
-- have in common is made once, and kept with the instant.
local function quick_create(key, request, timeout, metadata, now)
  if #request > 64 or request == 'timeout' or request == 'owner_lost' or #timeout > 11 then return nil end
  if now.timeout ~= timeout then
    local deadline = now.text + timeout
    now.timeout, now.ends = timeout, string.format('%.0f', deadline + 60000)
    now.head = 'PENDING ' .. now.digits .. ' ' .. now.digits .. ' 0 ' .. now.text .. ' ' .. string.format('%.0f', deadline) .. ' - - - - -'
  end
  local text = '1 ' .. #metadata .. ' ' .. now.head .. ' ' .. request .. '\n' .. metadata .. '\n'
  local reply = redis.pcall('SET', key, text, 'PXAT', now.ends, 'NX')
  if type(reply) ~= 'table' or not reply.ok then return nil end
  return now.head, metadata
end

-- A create that comes alone.
local keys, given = KEYS, ARGV
if #given == 4 and (#keys == 1 or #keys == 2 and keys[2] == keys[1] .. ':timer') and (given[1] == 'PUBLISH' or given[1] == 'SPUBLISH')
  and string.find(given[2], '^[%w_.:][%w_.:-]*$') and string.find(given[3], '^[1-9]%d*$') then
  local time = redis.call('TIME')
  local digits = time[1] .. string.sub('00000' .. time[2], -6)
  -- With room for what quick_create keeps in it: a table that grows is made anew.
  local now = { digits = digits, text = string.sub(digits, 1, -4), timeout = false, ends = false, head = false }
  local head, metadata = quick_create(keys[1], given[2], given[3], given[4], now)
  if head then return { 'created', '1 ' .. now.text .. ' ' .. head, metadata } end
end


-- Arguments: every one is checked before the first write; a bad one ends the script with a FLOWARG error that names it.
-- A script makes its functions anew in each run, which costs more than most of them do: what every run needs is included at its
-- top, what few runs need in the branch that needs it.

local MAX_MS = 315360000000 -- ten years: an instant plus this stays exact in a double

local function refuse(code, text)
  error({ refusal = code .. ' ' .. text })
end

local function integer(name, text, least, most)
  local number = text and #text <= 16 and not string.find(text, '%D') and tonumber(text)
  if not number then refuse('FLOWARG', name .. ' must be a whole number, got ' .. string.sub(tostring(text), 1, 40)) end
  if number < least or number > most then
    refuse('FLOWARG', string.format('%s must be %.0f to %.0f, got %s', name, least, most, text))
  end
  return number
end

-- The publish verb, once the number of keys and arguments is right.
local function verb_of(keys, arguments, least)
  if #keys ~= 1 then
    if #keys ~= 2 then refuse('FLOWARG', 'one key is needed, the record, or two: the record and its timer') end
    if keys[2] ~= keys[1] .. ':timer' then refuse('FLOWARG', 'the second key must be the first with :timer behind') end
  end
  if #arguments < least then refuse('FLOWARG', string.format('%d arguments are needed, got %d', least, #arguments)) end
  local verb = arguments[1]
  if verb ~= 'PUBLISH' and verb ~= 'SPUBLISH' then refuse('FLOWARG', 'publish must be PUBLISH or SPUBLISH') end
  return verb
end

local function typed(reply, key)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if string.find(reply.err, 'WRONGTYPE', 1, true) then refuse('FLOWTYPE', 'the ' .. key .. ' key holds another Redis type') end
  error(reply)
end

local present -- the instant of this run, which all calls of a batch share

-- A refusal becomes an error reply that starts with its code; Redis' own errors are passed on as they came.
local function answer(verb, keys, arguments)
  present = nil -- a Function library keeps it from the run before
  local ok, reply = pcall(verb, keys, arguments)
  if ok then return reply end
  if type(reply) == 'table' and reply.refusal then return redis.error_reply(reply.refusal) end
  error(reply, 0)
end
-- Arguments that are words.

local function token(name, text)
  if not text or #text == 0 or #text > 64 or not string.find(text, '^[%w_.:][%w_.:-]*$') then
    refuse('FLOWARG', name .. ' must be 1 to 64 of A-Z a-z 0-9 _ . : - and not begin with -')
  end
  -- A request id must never read like the word with which a script itself signs a settlement.
  if (text == 'timeout' or text == 'owner_lost') and name == 'request' then refuse('FLOWARG', 'request must not be the word ' .. text) end
  return text
end
-- Time is the server's.

local function exact(number)
  return string.format('%.0f', number)
end

-- Now: `ms` for the record's instants, `text` the same as it is written, `micros` and `digits` for fences.
local function clock()
  if not present then
    local time = redis.call('TIME')
    local digits = time[1] .. string.sub('00000' .. time[2], -6)
    local text = string.sub(digits, 1, -4)
    present = { ms = tonumber(text), text = text, micros = tonumber(digits), digits = digits }
  end
  return present
end
-- The next fence only grows, and survives deletion and expiry of the key.

local function next_fence(previous, now)
  if previous and tonumber(previous) >= now.micros then return exact(previous + 1) end
  return now.digits
end
-- What is told on the channel, which is the record's key.

-- A wake-up that cannot be sent (an ACL without channels) is one that is missed: what was written stands, and pollers find it.
local function publish(verb, key, record, event, at, form, payload)
  redis.pcall(verb, key, '1 ' .. event .. ' ' .. record.origin .. ' ' .. record.fence .. ' ' .. at .. ' ' .. form .. '\n' .. payload)
end
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
-- How long a settled record stays: as its creator said, else by the contract's defaults.

local function retention_of(retention, status)
  if not retention then return status == 'COMPLETED' and 300000 or 60000 end
  local completed, failed, canceled, timed_out = string.match(retention, '^(%d+),(%d+),(%d+),(%d+)$')
  if not completed then return retention_of(nil, status) end
  if status == 'COMPLETED' then return completed end
  if status == 'FAILED' then return failed end
  return status == 'CANCELED' and canceled or timed_out
end

local function create(keys, arguments)
  local verb = verb_of(keys, arguments, 4)
  local request, timeout, metadata = token('request', arguments[2]), integer('timeoutMs', arguments[3], 1, MAX_MS), arguments[4]
  local plan = {}
  if #arguments > 4 then
    -- Options: what follows the positional arguments.

    -- Whether a list of words, each between spaces, has this one.
    local function has_word(list, word)
      return string.find(list, ' ' .. word .. ' ', 1, true) and not string.find(word, ' ', 1, true)
    end

    -- Options come as name, value pairs behind the positional arguments, like those of Redis' own commands. `known` has their
    -- names, each between spaces.
    local function options_of(arguments, first, known)
      local options = {}
      for at = first, #arguments, 2 do
        local name, value = arguments[at], arguments[at + 1]
        if not has_word(known, name) then refuse('FLOWARG', 'unknown option ' .. string.sub(name, 1, 40)) end
        if value == nil then refuse('FLOWARG', 'option ' .. name .. ' has no value') end
        if options[name] then refuse('FLOWARG', 'option ' .. name .. ' is given twice') end
        options[name] = value
      end
      return options
    end
    -- A list of statuses as an argument, comma between.

    -- `known` has the statuses that may be in it, each between spaces.
    local function statuses_of(name, text, known)
      local set = {}
      for status in string.gmatch(text, '[^,]+') do
        if not has_word(known, status) then refuse('FLOWARG', name .. ' has no status ' .. string.sub(status, 1, 40)) end
        set[status] = true
      end
      return set
    end
    -- A fence as an argument.

    local function fence_of(name, text)
      integer(name, text, 1, 9007199254740991)
      if string.sub(text, 1, 1) == '0' then refuse('FLOWARG', name .. ' must have no leading zeros') end
      return text
    end
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
    plan = plan_of(arguments)
    if plan.timer and not keys[2] then refuse('FLOWARG', 'timer needs the second key') end
  end
  plan.request = request

  local now = clock()
  local previous, receipt = load(keys, verb, now)
  if previous then
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
