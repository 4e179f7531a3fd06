-- What nearly every settle is: a flow without an owner is completed, in time, by a call without options. Making no functions and no
-- record, it takes two thirds of the time; whatever else it meets is left to settle, as if nothing had been asked.

local function quick_settle(keys, arguments, digits)
  local key, timer, verb, request, status, payload = keys[1], keys[2], arguments[1], arguments[2], arguments[3], arguments[4]
  local inline = arguments[5]
  if #arguments ~= 5 or status ~= 'COMPLETED' or not key or #keys > 2 or timer and timer ~= key .. ':timer'
    or verb ~= 'PUBLISH' and verb ~= 'SPUBLISH' or #inline > 11 or not string.find(inline, '^%d+$')
    or #request > 64 or not string.find(request, '^[%w_.:][%w_.:-]*$') or request == 'timeout' or request == 'owner_lost' then
    return nil
  end
  local text = redis.pcall('GET', key)
  if type(text) ~= 'string' then return nil end
  local bytes, words, fence, origin, deadline, created_by, from = string.match(text,
    '^1 (%d+) PENDING ((%d+) (%d+) 0 %d+ (%d+) %-) %- %- %- %- (%S+)\n()')
  -- A record that was never taken over has words of these lengths; of any other, settle finds out whether it can be read.
  if not words or #words ~= 65 or #fence ~= 16 or #origin ~= 16 or #deadline ~= 13 then return nil end
  local at = from + bytes
  if string.byte(text, at) ~= 10 then return nil end
  if not digits then
    local time = redis.call('TIME')
    digits = time[1] .. string.sub('00000' .. time[2], -6)
  end
  local now = string.sub(digits, 1, -4)
  if tonumber(deadline) <= tonumber(now) then return nil end
  local head = 'COMPLETED ' .. words .. ' ' .. now .. ' - - ' .. request
  local metadata = string.sub(text, from, at - 1)
  local reply = redis.pcall('SET', key, '1 ' .. bytes .. ' ' .. head .. ' ' .. created_by .. '\n' .. metadata .. '\n' .. payload,
    'PXAT', string.format('%.0f', now + 300000))
  if not reply.ok then return nil end
  local told = #payload <= tonumber(inline) and 'inline\n' .. payload or 'stored\n'
  redis.pcall(verb, key, '1 COMPLETED ' .. origin .. ' ' .. fence .. ' ' .. now .. ' ' .. told)
  return { 'applied', '1 ' .. now .. ' ' .. head, metadata }
end
