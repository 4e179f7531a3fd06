-- batch: several calls of create, settle and read in one, in their order, each as if it had come alone.
--
-- KEYS[1] record  of the first call: flow:{<type>:<id>}
-- KEYS[2] timer   of the first call: flow:{<type>:<id>}:timer; then two keys for each further call; or the records alone
-- ARGV[1] verb    of the first call: create, settle or read
-- ARGV[2] count   how many arguments of its own follow, those of the script with that name; then the next call's verb, and so on
--
-- Replies: a list instead of a verdict.
--   list  one reply a call, in their order: what the script of that name replies, or the error it ends with
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

local quick = { create = quick_create, settle = quick_settle }
local MOST_ARGUMENTS = 64

-- Nothing runs unless every call can be told from the next.
local function check_frame(keys, arguments)
  local at, calls = 1, 0
  while at <= #arguments do
    if not verbs[arguments[at]] then refuse('FLOWARG', 'verb must be create, settle or read') end
    at, calls = at + 2 + integer('count', arguments[at + 1], 0, MOST_ARGUMENTS), calls + 1
  end
  if at ~= #arguments + 1 then refuse('FLOWARG', 'the counts do not add up to the number of arguments') end
  if calls == 0 or #keys ~= calls and #keys ~= 2 * calls then
    refuse('FLOWARG', 'each call needs one key, the record, or two: the record and its timer')
  end
  return #keys / calls
end

local function error_of(thrown)
  if type(thrown) ~= 'table' then return redis.error_reply(tostring(thrown)) end
  return redis.error_reply(thrown.refusal or thrown.err)
end

local function batch(keys, arguments)
  local step = check_frame(keys, arguments)
  local replies, at, digits = {}, 1, clock().digits
  for key = 1, #keys, step do
    local verb, count = arguments[at], tonumber(arguments[at + 1])
    local last = at + 1 + count
    local reply = quick[verb] and quick[verb](keys[key], step == 2 and keys[key + 1], digits, count, unpack(arguments, at + 2, last))
    if not reply then
      local ok, answered = pcall(verbs[verb], { unpack(keys, key, key + step - 1) }, { unpack(arguments, at + 2, last) })
      reply = ok and answered or error_of(answered)
    end
    replies[#replies + 1] = reply
    at = last + 1
  end
  return replies
end

return answer(batch, KEYS, ARGV)
