-- The record of a generation lease: a hash with readable fields. Who holds it is there while it is held.

local KEEP_MS = 86400000 -- a generation survives its last holder by a day

local function check_hold(hold)
  local numbers = (hold.generation or '?') .. ' ' .. (hold.fence or '?') .. ' ' .. (hold.leaseUntil or '0')
  if not string.find(numbers, '^%d+ %d+ %d+$') or #hold.generation > 16 or #hold.fence > 16 or #(hold.leaseUntil or '') > 16
    or (hold.owner == nil) ~= (hold.leaseUntil == nil) or not string.find(hold.owner or '-', '^%S+$') then
    refuse('FLOWTYPE', 'the lease lacks a field or has one that cannot be read')
  end
end

local function check_keys(keys)
  if #keys ~= 2 then refuse('FLOWARG', 'two keys are needed: the lease and its timer') end
end

-- Generation 0 where nothing stands.
local function load_hold(keys)
  local list = typed(redis.pcall('HGETALL', keys[1]), 'lease')
  if #list == 0 then return { generation = '0', fence = '0' }, false end
  local hold = {}
  for at = 1, #list, 2 do hold[list[at]] = list[at + 1] end
  if hold.v == nil then refuse('FLOWTYPE', 'the lease key holds a hash that is no lease') end
  if hold.v ~= '1' then refuse('FLOWVERSION', 'the lease has version ' .. string.sub(hold.v, 1, 40) .. ', this script knows 1') end
  check_hold(hold)
  return hold, true
end

local function is_held(hold, now)
  return hold.owner ~= nil and tonumber(hold.leaseUntil) > now.ms
end

-- Reply: verdict, and the head: `1 <now> <generation> <fence> <leaseUntil> <owner> <advancing>`, `-` for what it does not have.
-- A lease that ran out is shown as free.
local function hold_reply(verdict, now, hold)
  local held = is_held(hold, now)
  local holder = held and hold.leaseUntil .. ' ' .. hold.owner .. ' ' .. (hold.advancing or '0') or '- - -'
  return { verdict, '1 ' .. now.text .. ' ' .. hold.generation .. ' ' .. hold.fence .. ' ' .. holder }
end
