-- What nearly every create of a flow without an owner is: no options, and nothing stands there. Making no functions and asking with
-- one command less, it takes half the time; whatever else it meets is left to create, as if nothing had been asked.

-- The record's head and its metadata. The request reads like one, and the timeout like a number, by then. What the calls of a batch
-- have in common is made once, and kept with the instant.
local function quick_create(key, request, timeout, metadata, now)
  if #request > 64 or request == 'timeout' or request == 'owner_lost' or #timeout > 11 then return nil end
  if now.timeout ~= timeout then
    local deadline = now.text + timeout
    now.timeout, now.ends = timeout, string.format('%.0f', deadline + 60000)
    now.head = 'PENDING ' .. now.digits .. ' ' .. now.digits .. ' 0 ' .. now.text .. ' ' .. string.format('%.0f', deadline) .. ' - - - - -'
  end
  local text = '1 ' .. #metadata .. ' ' .. now.head .. ' ' .. request .. '\n' .. metadata .. '\n'
  local reply = redis.pcall('SET', key, text, 'PXAT', now.ends, 'NX')
  if type(reply) ~= 'table' or not reply.ok then return nil end
  return now.head, metadata
end
