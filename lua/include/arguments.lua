-- Arguments: every one is checked before the first write; a bad one ends the script with a FLOWARG error that names it.

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

local function fence_of(name, text)
  integer(name, text, 1, 9007199254740991)
  if string.sub(text, 1, 1) == '0' then refuse('FLOWARG', name .. ' must have no leading zeros') end
  return text
end

local function token(name, text)
  if not text or #text == 0 or #text > 64 or string.find(text, '^%-') or string.find(text, '[^%w_.:-]') then
    refuse('FLOWARG', name .. ' must be 1 to 64 of A-Z a-z 0-9 _ . : - and not begin with -')
  end
  return text
end

-- A request id must never read like the word with which a script itself signs a settlement.
local function request_of(text)
  token('request', text)
  if text == 'timeout' or text == 'owner_lost' then refuse('FLOWARG', 'request must not be the word ' .. text) end
  return text
end

local function verb_of(text)
  if text ~= 'PUBLISH' and text ~= 'SPUBLISH' then refuse('FLOWARG', 'publish must be PUBLISH or SPUBLISH') end
  return text
end

local function statuses_of(name, text, is_known)
  local set = {}
  for status in string.gmatch(text, '[^,]+') do
    if not is_known(status) then refuse('FLOWARG', name .. ' has no status ' .. string.sub(status, 1, 40)) end
    set[status] = true
  end
  return set
end

local function keys_and_arguments(keys, arguments, least)
  if #keys ~= 2 then refuse('FLOWARG', 'two keys are needed: the record and its timer') end
  if #arguments < least then refuse('FLOWARG', string.format('%d arguments are needed, got %d', least, #arguments)) end
end

-- Options come as name, value pairs behind the positional arguments, like those of Redis' own commands.
local function options_of(arguments, first, is_known)
  local options = {}
  for at = first, #arguments, 2 do
    local name, value = arguments[at], arguments[at + 1]
    if not is_known(name) then refuse('FLOWARG', 'unknown option ' .. string.sub(name, 1, 40)) end
    if value == nil then refuse('FLOWARG', 'option ' .. name .. ' has no value') end
    if options[name] then refuse('FLOWARG', 'option ' .. name .. ' is given twice') end
    options[name] = value
  end
  return options
end

-- A refusal becomes an error reply that starts with its code; Redis' own errors are passed on as they came.
local function answer(body)
  local ok, reply = pcall(body)
  if ok then return reply end
  if type(reply) == 'table' and reply.refusal then return redis.error_reply(reply.refusal) end
  error(reply, 0)
end
