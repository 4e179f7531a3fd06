-- Arguments: every one is checked before the first write; a bad one ends the script with a FLOWARG error that names it.
-- Each function here costs every run of every script that includes it: only what is needed, where it is needed.

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
  if #keys ~= 2 then refuse('FLOWARG', 'two keys are needed: the record and its timer') end
  if keys[2] ~= keys[1] .. ':timer' then refuse('FLOWARG', 'the second key must be the first with :timer behind') end
  if #arguments < least then refuse('FLOWARG', string.format('%d arguments are needed, got %d', least, #arguments)) end
  local verb = arguments[1]
  if verb ~= 'PUBLISH' and verb ~= 'SPUBLISH' then refuse('FLOWARG', 'publish must be PUBLISH or SPUBLISH') end
  return verb
end

-- Whether a list of words, each between spaces, has this one.
local function has_word(list, word)
  return string.find(list, ' ' .. word .. ' ', 1, true) and not string.find(word, ' ', 1, true)
end

-- Options come as name, value pairs behind the positional arguments, like those of Redis' own commands. `known` has their
-- names, each between spaces.
local function add_options(options, arguments, first, known)
  for at = first, #arguments, 2 do
    local name, value = arguments[at], arguments[at + 1]
    if not has_word(known, name) then refuse('FLOWARG', 'unknown option ' .. string.sub(name, 1, 40)) end
    if value == nil then refuse('FLOWARG', 'option ' .. name .. ' has no value') end
    if options[name] then refuse('FLOWARG', 'option ' .. name .. ' is given twice') end
    options[name] = value
  end
  return options
end

local NONE = {}

local function options_of(arguments, first, known)
  if #arguments < first then return NONE end
  return add_options({}, arguments, first, known)
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
