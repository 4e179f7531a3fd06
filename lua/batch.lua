-- batch: several calls of create, settle and read in one, in their order, each as if it had come alone; in fewer arguments and answers than by themselves.
--
-- KEYS[1] record   of the first call: flow:{<type>:<id>}
-- KEYS[2] timer    of the first call: flow:{<type>:<id>}:timer; then two keys for each further call; or the records alone
-- ARGV[1] publish  PUBLISH, or SPUBLISH in Cluster; of all calls
-- ARGV[2] call     words with a space between: verb, count, and the first arguments of the script with that name behind publish
-- ARGV[3…] more    its other arguments, as many as count says, 0 to 64; then the next call, and so on
--
-- Replies: a list instead of a verdict.
--   list  one reply a call, in their order: in one string what the script of that name replies, or the error it ends with; see the contract
--
-- Invariant: one call's error ends that call alone. In Cluster all keys must be in one slot.

-- @include arguments
-- @include options
-- @include words
-- @include time
-- @include fence
-- @include next_fence
-- @include statuses
-- @include plan
-- @include message
-- @include record
-- @include retention
-- @include lease
-- @include standing
-- @include quick_create
-- @include quick_settle

-- @verbs create settle read

local MOST_ARGUMENTS = 64

-- Nothing runs unless every call can be told from the next.
local function check_frame(keys, arguments)
  if arguments[1] ~= 'PUBLISH' and arguments[1] ~= 'SPUBLISH' then refuse('FLOWARG', 'publish must be PUBLISH or SPUBLISH') end
  local at, calls, last = 2, 0, #arguments
  while at <= last do
    local verb, count = string.match(arguments[at], '^(%l+) (%d+)')
    if not verbs[verb] then refuse('FLOWARG', 'call must begin with create, settle or read, and a count') end
    count = tonumber(count)
    if count > MOST_ARGUMENTS then refuse('FLOWARG', string.format('count must be 0 to %d', MOST_ARGUMENTS)) end
    at, calls = at + 1 + count, calls + 1
  end
  if at ~= last + 1 then refuse('FLOWARG', 'the counts do not add up to the number of arguments') end
  if calls == 0 or #keys ~= calls and #keys ~= 2 * calls then
    refuse('FLOWARG', 'each call needs one key, the record, or two: the record and its timer')
  end
  return #keys / calls
end

local function error_of(thrown)
  if type(thrown) ~= 'table' then return redis.error_reply(tostring(thrown)) end
  return redis.error_reply(thrown.refusal or thrown.err)
end

local function packed(verdict, head, metadata, payload)
  if not metadata then return verdict .. ' - ' .. head end
  return verdict .. ' ' .. #metadata .. ' ' .. head .. '\n' .. metadata .. (payload and '\n' .. payload or '')
end

local function run(keys, line, publish, more)
  local verb, words = string.match(line, '^(%l+) %d+(.*)$')
  if words ~= '' and not string.find(words, '^ ') then refuse('FLOWARG', 'count must be followed by a space') end
  local arguments = { publish }
  for word in string.gmatch(words, '[^ ]+') do arguments[#arguments + 1] = word end
  for _, argument in ipairs(more) do arguments[#arguments + 1] = argument end
  return verbs[verb](keys, arguments)
end

local function carry_out(keys, line, publish, more)
  local ok, answered = pcall(run, keys, line, publish, more)
  if not ok then return error_of(answered) end
  return packed(unpack(answered, 1, 4))
end

local function batch(keys, arguments)
  local step, publish, now = check_frame(keys, arguments), arguments[1], clock()
  local replies, at = {}, 2
  for key = 1, #keys, step do
    local line, record = arguments[at], keys[key]
    local head, metadata, last
    if step == 1 or keys[key + 1] == record .. ':timer' then
      local request, timeout = string.match(line, '^create 1 ([%w_.:][%w_.:-]*) ([1-9]%d*)$')
      if request then
        last, head, metadata = at + 1, quick_create(record, request, timeout, arguments[at + 1], now)
        if head then replies[#replies + 1] = 'created ' .. #metadata .. ' 1 ' .. now.text .. ' ' .. head .. '\n' .. metadata end
      else
        request = string.match(line, '^settle 2 ([%w_.:][%w_.:-]*) COMPLETED$')
        if request then
          last, head, metadata = at + 2, quick_settle(record, request, arguments[at + 1], arguments[at + 2], now, publish)
          if head then replies[#replies + 1] = 'applied ' .. #metadata .. ' 1 ' .. now.text .. ' ' .. head .. '\n' .. metadata end
        end
      end
    end
    if not head then
      last = at + string.match(line, '%d+')
      replies[#replies + 1] = carry_out({ unpack(keys, key, key + step - 1) }, line, publish, { unpack(arguments, at + 1, last) })
    end
    at = last + 1
  end
  return replies
end

return answer(batch, KEYS, ARGV)
