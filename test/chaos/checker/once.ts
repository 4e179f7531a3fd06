import type { History } from './history.js';
import type { Settlement } from './settlements.js';

/** At most one settlement of each origin was applied, and no fence was given to two handlers. */
export function appliedOnce(history: History, settlements: ReadonlyMap<string, Settlement>): string[] {
  return [...doubleSettlements(settlements.values()), ...sharedFences(history)];
}

function doubleSettlements(settlements: Iterable<Settlement>): string[] {
  const found: string[] = [];
  const first = new Map<string, Settlement>();
  for (const settlement of settlements) {
    if (settlement.fate !== 'applied' || settlement.replace || settlement.origin === undefined) continue;
    const flow = `${settlement.name} ${String(settlement.origin)}`;
    const other = first.get(flow);
    if (other) found.push(`flow ${flow} was settled twice: by ${other.request} and by ${settlement.request}`);
    else first.set(flow, settlement);
  }
  return found;
}

function sharedFences({ handlers }: History): string[] {
  const found: string[] = [];
  const holders = new Map<string, string>();
  for (const { process, op, name, fence } of handlers) {
    const holder = `operation ${String(op)} of process ${String(process)}`;
    const other = holders.get(`${name} ${String(fence)}`) ?? holder;
    if (other !== holder)
      found.push(`two handlers ran with fence ${String(fence)} of ${name}: ${other} and ${holder}`);
    holders.set(`${name} ${String(fence)}`, holder);
  }
  return found;
}

/**
 * Requests that were sent again when their connection dropped, and whose second run knew nothing of the first, since another flow stood there by then:
 * the record proves that it was applied, and the caller was told something else, or the request ended a second flow.
 */
export function forgottenRepeats(
  { scripts }: History,
  settlements: ReadonlyMap<string, Settlement>,
): string[] {
  const ended = new Map<string, Set<number>>();
  for (const { record } of scripts) {
    if (record?.settledBy === undefined || !settlements.has(record.settledBy)) continue;
    const origins = ended.get(record.settledBy) ?? new Set();
    ended.set(record.settledBy, origins.add(record.origin));
  }
  const found: string[] = [];
  for (const [request, origins] of ended) {
    const { name, fate } = settlements.get(request)!;
    if (origins.size > 1) found.push(`${request} ended ${String(origins.size)} flows of ${name}`);
    else if (fate === 'refused')
      found.push(`${request} ended a flow of ${name}, and its caller was told otherwise`);
  }
  return found;
}

/** The same where nothing explains it: the request was answered at once. */
export function denied(repeats: readonly string[], settlements: ReadonlyMap<string, Settlement>): string[] {
  return repeats.filter((repeat) => !settlements.get(repeat.split(' ')[0]!)?.repeatable);
}
