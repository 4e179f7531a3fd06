-- What nearly every create of a flow without an owner is: no options, and nothing stands there. Making no functions and asking with
-- one command less, it takes half the time; whatever else it meets is left to create, as if nothing had been asked.

-- `count` is how many arguments there are, `digits` the instant if it is known.
local function quick_create(key, timer, digits, count, verb, request, timeout, metadata)
  if count ~= 4 or not key or timer and timer ~= key .. ':timer' or verb ~= 'PUBLISH' and verb ~= 'SPUBLISH'
    or #request > 64 or not string.find(request, '^[%w_.:][%w_.:-]*$') or request == 'timeout' or request == 'owner_lost'
    or #timeout > 11 or not string.find(timeout, '^[1-9]%d*$') then
    return nil
  end
  if not digits then
    local time = redis.call('TIME')
    digits = time[1] .. string.sub('00000' .. time[2], -6)
  end
  local now = string.sub(digits, 1, -4)
  local deadline = now + timeout
  local head = 'PENDING ' .. digits .. ' ' .. digits .. ' 0 ' .. now .. ' ' .. string.format('%.0f', deadline) .. ' - - - - -'
  local text = '1 ' .. #metadata .. ' ' .. head .. ' ' .. request .. '\n' .. metadata .. '\n'
  local reply = redis.pcall('SET', key, text, 'PXAT', deadline + 60000, 'NX')
  if type(reply) ~= 'table' or not reply.ok then return nil end
  return { 'created', '1 ' .. now .. ' ' .. head, metadata }
end
