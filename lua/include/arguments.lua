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
