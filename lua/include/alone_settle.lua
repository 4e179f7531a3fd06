-- A settle that comes alone.
local keys, given = KEYS, ARGV
if (#given == 5 or #given == 7 and given[6] == 'ownChannel') and (#keys == 1 or #keys == 2 and keys[2] == keys[1] .. ':timer')
  and given[3] == 'COMPLETED' and (given[1] == 'PUBLISH' or given[1] == 'SPUBLISH') and string.find(given[2], '^[%w_.:][%w_.:-]*$') then
  local time = redis.call('TIME')
  local digits = time[1] .. string.sub('00000' .. time[2], -6)
  -- With room for what quick_settle keeps in it: a table that grows is made anew.
  local now = { text = string.sub(digits, 1, -4), inline = false, most = false, kept = false }
  local head, metadata = quick_settle(keys[1], given[2], given[4], given[5], now, given[1], given[7])
  if head then return { 'applied', '1 ' .. now.text .. ' ' .. head, metadata } end
end
