-- The next fence only grows, and survives deletion and expiry of the key.

local function next_fence(previous, now)
  if previous and tonumber(previous) >= now.micros then return exact(previous + 1) end
  return now.digits
end
