-- What nearly every settle is: a flow without an owner is completed, in time, by a call without options, or with ownChannel alone. Making no
-- functions and no record, it takes two thirds of the time; whatever else it meets is left to settle, as if nothing had been asked.

-- `count` is how many arguments there are, `digits` the instant if it is known.
local function quick_settle(key, timer, digits, count, verb, request, status, payload, inline, option, own)
  if count ~= 5 and (count ~= 7 or option ~= 'ownChannel' or own == '' or #own > 512)
    or status ~= 'COMPLETED' or not key or timer and timer ~= key .. ':timer'
    or verb ~= 'PUBLISH' and verb ~= 'SPUBLISH' or #inline > 11 or not string.find(inline, '^%d+$')
    or #request > 64 or not string.find(request, '^[%w_.:][%w_.:-]*$') or request == 'timeout' or request == 'owner_lost' then
    return nil
  end
  local text = redis.pcall('GET', key)
  if type(text) ~= 'string' then return nil end
  local bytes, words, fence, deadline, created_by, from = string.match(text,
    '^1 (%d+) PENDING ((%d+) %3 0 %d+ (%d+) %-) %- %- %- %- (%S+)\n()')
  -- A record that was never taken over has its origin as its fence, and words of these lengths; of any other, settle finds out whether it
  -- can be read.
  if not words or #words ~= 65 or #fence ~= 16 or #deadline ~= 13 then return nil end
  local at = from + bytes
  if string.byte(text, at) ~= 10 then return nil end
  if not digits then
    local time = redis.call('TIME')
    digits = time[1] .. string.sub('00000' .. time[2], -6)
  end
  local now = string.sub(digits, 1, -4)
  if deadline <= now then return nil end
  local head = 'COMPLETED ' .. words .. ' ' .. now .. ' - - ' .. request
  local metadata = string.sub(text, from, at - 1)
  local reply = redis.pcall('SET', key, '1 ' .. bytes .. ' ' .. head .. ' ' .. created_by .. '\n' .. metadata .. '\n' .. payload,
    'PXAT', now + 300000)
  if not reply.ok then return nil end
  local told = #payload <= tonumber(inline) and 'inline\n' .. payload or 'stored\n'
  if own then redis.pcall(verb, own, '') end
  redis.pcall(verb, key, '1 COMPLETED ' .. fence .. ' ' .. fence .. ' ' .. now .. ' ' .. told)
  return { 'applied', '1 ' .. now .. ' ' .. head, metadata }
end
