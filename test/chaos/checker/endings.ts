import { BROKER, LONGEST_TIMEOUT_MS } from '../entries.js';
import type { History, Operation } from './history.js';
import type { Outages } from './outages.js';

const GRACE_NS = 1e9;

/** Every wait ended, at most a second after it had to. Its caller's own limits and the flow's deadline are what it has to heed. */
export function endedInTime({ operations, wallZero }: History, outages: Outages): string[] {
  const found: string[] = [];
  for (const operation of operations) {
    const { process, op, does, name, ended } = operation;
    const what = `${does} of ${name} (operation ${String(op)} of process ${String(process)})`;
    if (!ended) {
      found.push(`${what} never ended`);
      continue;
    }
    const limit = limitOf(operation, wallZero);
    if (limit === undefined) continue;
    const late = ended.at - limit - outages.excused(process, limit, ended.at);
    if (late > GRACE_NS) found.push(`${what} ended ${String(Math.round(late / 1e6))} ms after it had to`);
  }
  return found;
}

/** When an operation must be over. */
function limitOf({ does, at, waitMs, abortMs, deadlineAt }: Operation, wallZero: number): number | undefined {
  const own = at + Math.min(waitMs ?? Infinity, abortMs ?? Infinity) * 1e6;
  switch (does) {
    case 'outcome':
      return Math.min(own, deadlineAt === undefined ? Infinity : (deadlineAt - wallZero) * 1e6);
    case 'wait':
      // It binds to what stands when its first read is answered, which lasts so long at most.
      return Math.min(own, at + (BROKER.commandTimeoutMs + LONGEST_TIMEOUT_MS) * 1e6);
    case 'run':
      return own;
    default:
      return at + BROKER.commandTimeoutMs * 1e6;
  }
}
