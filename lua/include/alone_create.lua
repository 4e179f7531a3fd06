-- A create that comes alone.
local keys, given = KEYS, ARGV
if #given == 4 and (#keys == 1 or #keys == 2 and keys[2] == keys[1] .. ':timer') and (given[1] == 'PUBLISH' or given[1] == 'SPUBLISH')
  and string.find(given[2], '^[%w_.:][%w_.:-]*$') and string.find(given[3], '^[1-9]%d*$') then
  local time = redis.call('TIME')
  local digits = time[1] .. string.sub('00000' .. time[2], -6)
  -- With room for what quick_create keeps in it: a table that grows is made anew.
  local now = { digits = digits, text = string.sub(digits, 1, -4), timeout = false, ends = false, head = false }
  local head, metadata = quick_create(keys[1], given[2], given[3], given[4], now)
  if head then return { 'created', '1 ' .. now.text .. ' ' .. head, metadata } end
end
