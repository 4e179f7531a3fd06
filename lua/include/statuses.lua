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
