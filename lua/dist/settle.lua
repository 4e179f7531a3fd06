-- settle: ends a flow, once: completes, fails or cancels it, and wakes every waiter.
--
-- KEYS[1] record       flow:{<type>:<id>}, also the channel
-- KEYS[2] timer        flow:{<type>:<id>}:timer; may be left out where no timer is kept
-- ARGV[1] publish      PUBLISH, or SPUBLISH in Cluster
-- ARGV[2] request      id of this request, the same each time it is sent
-- ARGV[3] status       COMPLETED, FAILED or CANCELED
-- ARGV[4] payload      opaque bytes: the result, or the error
-- ARGV[5] inlineBytes  a payload up to this size travels with the message, a larger one is read from the record
-- ARGV[6…] options     name, value pairs:
--   fence        settle only if the flow still has this fence
--   freshUntil   ms since the epoch, COMPLETED only: until when the result may be handed back
--   retentionMs  keep the record this long, instead of what it was created with
--   replace      1: settle over a terminal record too; needs fence, and gives the record a new one
--   replyLimit   bytes; a larger result or error is left out of the reply; default none, with ownChannel 65536
--   ownChannel   a channel that the calling connection listens on: an empty message goes there before the waiters are told; see the contract
--
-- Replies: verdict, head, metadata, payload; see the contract.
--   applied          settled by this call; the payload it sent is not sent back
--   duplicate        settled by this very request before: the caller won, its reply was lost; the record shown may be
--                    that of the flow which stands in its place since
--   late             the deadline passed first
--   already_settled  somebody else settled it first
--   superseded       the fence given is not the record's
--   not_found        nothing stands there
--
-- Invariant: a terminal record never changes, but for replace with its own fence. A replay never settles the flow that came after.

-- What nearly every settle is: a flow without an owner is completed, in time, by a call without options, or with ownChannel alone. Making no
-- functions and no record, it takes two thirds of the time; whatever else it meets is left to settle, as if nothing had been asked.

-- The record's head and its metadata. The request reads like one by then. What the calls of a batch have in common is made once, and
-- kept with the instant.
local function quick_settle(key, request, payload, inline, now, verb, own)
  if #request > 64 or request == 'timeout' or request == 'owner_lost' or own and (own == '' or #own > 512) then return nil end
  if now.inline ~= inline then
    if #inline > 11 or not string.find(inline, '^%d+$') then return nil end
    now.inline, now.most, now.kept = inline, tonumber(inline), string.format('%.0f', now.text + 300000)
  end
  local text = redis.pcall('GET', key)
  if type(text) ~= 'string' then return nil end
  local bytes, words, fence, deadline, created_by, from = string.match(text,
    '^1 (%d+) PENDING ((%d+) %3 0 %d+ (%d+) %-) %- %- %- %- (%S+)\n()')
  -- A record that was never taken over has its origin as its fence, and words of these lengths; of any other, settle finds out whether it
  -- can be read.
  if not words or #words ~= 65 or #fence ~= 16 or #deadline ~= 13 or deadline <= now.text then return nil end
  local at = from + bytes
  if string.byte(text, at) ~= 10 then return nil end
  local head = 'COMPLETED ' .. words .. ' ' .. now.text .. ' - - ' .. request
  local metadata = string.sub(text, from, at - 1)
  local reply = redis.pcall('SET', key, '1 ' .. bytes .. ' ' .. head .. ' ' .. created_by .. '\n' .. metadata .. '\n' .. payload,
    'PXAT', now.kept)
  if not reply.ok then return nil end
  local told = #payload <= now.most and 'inline\n' .. payload or 'stored\n'
  if own then redis.pcall(verb, own, '') end
  redis.pcall(verb, key, '1 COMPLETED ' .. fence .. ' ' .. fence .. ' ' .. now.text .. ' ' .. told)
  return head, metadata
end

-- A settle that comes alone.
local keys, given = KEYS, ARGV
if (#given == 5 or #given == 7 and given[6] == 'ownChannel') and (#keys == 1 or #keys == 2 and keys[2] == keys[1] .. ':timer')
  and given[3] == 'COMPLETED' and (given[1] == 'PUBLISH' or given[1] == 'SPUBLISH') and string.find(given[2], '^[%w_.:][%w_.:-]*$') then
  local time = redis.call('TIME')
  local digits = time[1] .. string.sub('00000' .. time[2], -6)
  -- With room for what quick_settle keeps in it: a table that grows is made anew.
  local now = { text = string.sub(digits, 1, -4), inline = false, most = false, kept = false }
  local head, metadata = quick_settle(keys[1], given[2], given[4], given[5], now, given[1], given[7])
  if head then return { 'applied', '1 ' .. now.text .. ' ' .. head, metadata } end
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

local function settle(keys, arguments)
  local verb, request, status, payload = verb_of(keys, arguments, 5), token('request', arguments[2]), arguments[3], arguments[4]
  if status ~= 'COMPLETED' and status ~= 'FAILED' and status ~= 'CANCELED' then
    refuse('FLOWARG', 'status must be COMPLETED, FAILED or CANCELED')
  end
  local inline = integer('inlineBytes', arguments[5], 0, MAX_MS)
  local fence, fresh, retention, limit, replace, own
  if #arguments > 5 then
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
    -- A fence as an argument.

    local function fence_of(name, text)
      integer(name, text, 1, 9007199254740991)
      if string.sub(text, 1, 1) == '0' then refuse('FLOWARG', name .. ' must have no leading zeros') end
      return text
    end
    local given = options_of(arguments, 6, ' fence freshUntil retentionMs replace replyLimit ownChannel ')
    fence, replace, own = given.fence and fence_of('fence', given.fence), given.replace, given.ownChannel
    fresh = given.freshUntil and exact(integer('freshUntil', given.freshUntil, 0, 9007199254740991))
    retention = given.retentionMs and integer('retentionMs', given.retentionMs, 1, MAX_MS)
    limit = given.replyLimit and integer('replyLimit', given.replyLimit, 0, MAX_MS) or own and 65536
    if own and (own == '' or #own > 512) then refuse('FLOWARG', 'ownChannel must have 1 to 512 bytes') end
    if replace and (replace ~= '1' or not fence) then refuse('FLOWARG', 'replace must be 1 and needs fence') end
    if fresh and status ~= 'COMPLETED' then refuse('FLOWARG', 'freshUntil goes with COMPLETED only') end
  end

  local now = clock()
  local record = load(keys, verb, now)
  if not record then return reply_with('not_found', now) end
  if record.settledBy == request or record.endedBy == request then return reply_with('duplicate', now, record, limit) end
  if fence and record.fence ~= fence then return reply_with('superseded', now, record, limit) end
  if record.status ~= 'PENDING' then
    if not replace then return reply_with(record.status == 'TIMED_OUT' and 'late' or 'already_settled', now, record, limit) end
    -- The next fence only grows, and survives deletion and expiry of the key.

    local function next_fence(previous, now)
      if previous and tonumber(previous) >= now.micros then return exact(previous + 1) end
      return now.digits
    end
    record.fence = next_fence(record.fence, now)
    note(record, 'endedBy', record.settledBy)
  end
  record.freshUntil = fresh or '-'
  mark_settled(keys, record, status, now.text, request, payload)
  save(keys, record, exact(now.ms + (retention or retention_of(record.retention, status))))
  if own then redis.pcall(verb, own, '') end
  if #payload <= inline then
    publish(verb, keys[1], record, status, now.text, 'inline', payload)
  else
    publish(verb, keys[1], record, status, now.text, 'stored', '')
  end
  record.payload = nil
  return reply_with('applied', now, record)
end

return answer(settle, KEYS, ARGV)
