if (#ARGV == 5 or #ARGV == 7 and ARGV[6] == 'ownChannel') and (#KEYS == 1 or #KEYS == 2 and KEYS[2] == KEYS[1] .. ':timer')
  and ARGV[3] == 'COMPLETED' and (ARGV[1] == 'PUBLISH' or ARGV[1] == 'SPUBLISH') and string.find(ARGV[2], '^[%w_.:][%w_.:-]*$') then
  local time = redis.call('TIME')
  local digits = time[1] .. string.sub('00000' .. time[2], -6)
  local now = { text = string.sub(digits, 1, -4) }
  local head, metadata = quick_settle(KEYS[1], ARGV[2], ARGV[4], ARGV[5], now, ARGV[1], ARGV[7])
  if head then return { 'applied', '1 ' .. now.text .. ' ' .. head, metadata } end
end
