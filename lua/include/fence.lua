-- A fence as an argument.

local function fence_of(name, text)
  integer(name, text, 1, 9007199254740991)
  if string.sub(text, 1, 1) == '0' then refuse('FLOWARG', name .. ' must have no leading zeros') end
  return text
end
