if #ARGV == 4 and (#KEYS == 1 or #KEYS == 2 and KEYS[2] == KEYS[1] .. ':timer') and (ARGV[1] == 'PUBLISH' or ARGV[1] == 'SPUBLISH')
  and string.find(ARGV[2], '^[%w_.:][%w_.:-]*$') and string.find(ARGV[3], '^[1-9]%d*$') then
  local time = redis.call('TIME')
  local digits = time[1] .. string.sub('00000' .. time[2], -6)
  local now = { digits = digits, text = string.sub(digits, 1, -4) }
  local head, metadata = quick_create(KEYS[1], ARGV[2], ARGV[3], ARGV[4], now)
  if head then return { 'created', '1 ' .. now.text .. ' ' .. head, metadata } end
end
