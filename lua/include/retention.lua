-- How long a settled record stays: as its creator said, else by the contract's defaults.

local function retention_of(retention, status)
  if not retention then return status == 'COMPLETED' and 300000 or 60000 end
  local completed, failed, canceled, timed_out = string.match(retention, '^(%d+),(%d+),(%d+),(%d+)$')
  if not completed then return retention_of(nil, status) end
  if status == 'COMPLETED' then return completed end
  if status == 'FAILED' then return failed end
  return status == 'CANCELED' and canceled or timed_out
end
