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
