-- The next fence: it only grows, and survives deletion and expiry of the key.

local function next_fence(previous, now)
  local micros = now.micros
  if previous and tonumber(previous) >= micros then micros = previous + 1 end
  return exact(micros)
end
