-- acquire: takes a generation lease if nobody holds it, and if its generation is still the one that the caller knows.
--
-- KEYS[1] lease    flow:{@lease:<name>}, also the channel
-- KEYS[2] timer    flow:{@lease:<name>}:timer
-- ARGV[1] publish  PUBLISH, or SPUBLISH in Cluster
-- ARGV[2] owner    token of this acquisition: the same each time it is sent, never used for another
-- ARGV[3] leaseMs  how long it is held, if it is not freed before
-- ARGV[4…] options name, value pairs:
--   expectedGeneration  take it only while the generation is this one
--   advanceGeneration   1: the generation grows by one, for everybody who knows an older one to be refused from now on
--
-- Replies: verdict, head; see the contract.
--   acquired  the lease is the caller's until leaseUntil; the generation is shown, advanced if it was asked for
--   held      somebody else holds it, until leaseUntil
--   stale     the generation is not the expected one
--   over      this owner had it before and freed it
--
-- Invariant: one holder at a time; a generation never shrinks, and survives its last holder by 24 hours. Replayed, it takes nothing twice.

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
-- The record of a generation lease: a hash with readable fields. Who holds it is there while it is held.

local KEEP_MS = 86400000 -- a generation survives its last holder by a day

local function check_hold(hold)
  local numbers = (hold.generation or '?') .. ' ' .. (hold.fence or '?') .. ' ' .. (hold.leaseUntil or '0')
  if not string.find(numbers, '^%d+ %d+ %d+$') or #hold.generation > 16 or #hold.fence > 16 or #(hold.leaseUntil or '') > 16
    or (hold.owner == nil) ~= (hold.leaseUntil == nil) or not string.find(hold.owner or '-', '^%S+$') then
    refuse('FLOWTYPE', 'the lease lacks a field or has one that cannot be read')
  end
end

local function check_keys(keys)
  if #keys ~= 2 then refuse('FLOWARG', 'two keys are needed: the lease and its timer') end
end

-- Generation 0 where nothing stands.
local function load_hold(keys)
  local list = typed(redis.pcall('HGETALL', keys[1]), 'lease')
  if #list == 0 then return { generation = '0', fence = '0' }, false end
  local hold = {}
  for at = 1, #list, 2 do hold[list[at]] = list[at + 1] end
  if hold.v == nil then refuse('FLOWTYPE', 'the lease key holds a hash that is no lease') end
  if hold.v ~= '1' then refuse('FLOWVERSION', 'the lease has version ' .. string.sub(hold.v, 1, 40) .. ', this script knows 1') end
  check_hold(hold)
  return hold, true
end

local function is_held(hold, now)
  return hold.owner ~= nil and tonumber(hold.leaseUntil) > now.ms
end

-- Reply: verdict, and the head: `1 <now> <generation> <fence> <leaseUntil> <owner> <advancing>`, `-` for what it does not have.
-- A lease that ran out is shown as free.
local function hold_reply(verdict, now, hold)
  local held = is_held(hold, now)
  local holder = held and hold.leaseUntil .. ' ' .. hold.owner .. ' ' .. (hold.advancing or '0') or '- - -'
  return { verdict, '1 ' .. now.text .. ' ' .. hold.generation .. ' ' .. hold.fence .. ' ' .. holder }
end

local function acquire(keys, arguments)
  verb_of(keys, arguments, 3)
  check_keys(keys)
  local owner, lease = token('owner', arguments[2]), integer('leaseMs', arguments[3], 1, MAX_MS)
  local given = options_of(arguments, 4, ' expectedGeneration advanceGeneration ')
  local expected = given.expectedGeneration and integer('expectedGeneration', given.expectedGeneration, 0, 9007199254740991)
  if given.advanceGeneration and given.advanceGeneration ~= '1' then refuse('FLOWARG', 'advanceGeneration must be 1') end
  local now = clock()
  local hold = load_hold(keys)
  if hold.owner == owner then return hold_reply('acquired', now, hold) end
  if hold.freed == owner then return hold_reply('over', now, hold) end
  if expected and tonumber(hold.generation) ~= expected then return hold_reply('stale', now, hold) end
  if is_held(hold, now) then return hold_reply('held', now, hold) end
  -- The timer of a lease that is free is not there; whatever is there must be one that this script may replace.
  typed(redis.pcall('GET', keys[2]), 'timer')
  if given.advanceGeneration then hold.generation = exact(hold.generation + 1) end
  hold.fence, hold.owner, hold.leaseUntil = next_fence(hold.fence, now), owner, exact(now.ms + lease)
  hold.advancing = given.advanceGeneration or '0'
  redis.call('HSET', keys[1], 'v', '1', 'generation', hold.generation, 'fence', hold.fence, 'owner', owner,
    'leaseUntil', hold.leaseUntil, 'advancing', hold.advancing)
  redis.call('PEXPIREAT', keys[1], exact(now.ms + lease + KEEP_MS))
  redis.call('SET', keys[2], '1', 'PXAT', hold.leaseUntil)
  return hold_reply('acquired', now, hold)
end

return answer(acquire, KEYS, ARGV)
