-- What nearly every settle is: a flow without an owner is completed, in time, by a call without options, or with ownChannel alone. Making no
-- functions and no record, it takes two thirds of the time; whatever else it meets is left to settle, as if nothing had been asked.

-- The record's head and its metadata. The request reads like one by then. What the calls of a batch have in common is made once, and
-- kept with the instant.
local function quick_settle(key, request, payload, inline, now, verb, own)
  if #request > 64 or request == 'timeout' or request == 'owner_lost' or own and (own == '' or #own > 512) then return nil end
  if now.inline ~= inline then
    if #inline > 11 or not string.find(inline, '^%d+$') then return nil end
    now.inline, now.most, now.kept = inline, tonumber(inline), string.format('%.0f', now.text + 300000)
  end
  local text = redis.pcall('GET', key)
  if type(text) ~= 'string' then return nil end
  local bytes, words, fence, deadline, created_by, from = string.match(text,
    '^1 (%d+) PENDING ((%d+) %3 0 %d+ (%d+) %-) %- %- %- %- (%S+)\n()')
  -- A record that was never taken over has its origin as its fence, and words of these lengths; of any other, settle finds out whether it
  -- can be read.
  if not words or #words ~= 65 or #fence ~= 16 or #deadline ~= 13 or deadline <= now.text then return nil end
  local at = from + bytes
  if string.byte(text, at) ~= 10 then return nil end
  local head = 'COMPLETED ' .. words .. ' ' .. now.text .. ' - - ' .. request
  local metadata = string.sub(text, from, at - 1)
  local reply = redis.pcall('SET', key, '1 ' .. bytes .. ' ' .. head .. ' ' .. created_by .. '\n' .. metadata .. '\n' .. payload,
    'PXAT', now.kept)
  if not reply.ok then return nil end
  local told = #payload <= now.most and 'inline\n' .. payload or 'stored\n'
  if own then redis.pcall(verb, own, '') end
  redis.pcall(verb, key, '1 COMPLETED ' .. fence .. ' ' .. fence .. ' ' .. now.text .. ' ' .. told)
  return head, metadata
end
