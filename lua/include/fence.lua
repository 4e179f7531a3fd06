-- Fences. The next one only grows, and survives deletion and expiry of the key.

local function fence_of(name, text)
  integer(name, text, 1, 9007199254740991)
  if string.sub(text, 1, 1) == '0' then refuse('FLOWARG', name .. ' must have no leading zeros') end
  return text
end

local function next_fence(previous, now)
  if previous and tonumber(previous) >= now.micros then return exact(previous + 1) end
  return now.digits
end
