import type { Deed } from '../entries.js';
import type { History, ScriptCall } from './history.js';

const RECONNECT_NS = 20e6; // no connection comes back sooner
const OVERDUE_NS = 250e6; // the library asks again when the arrangement changed, which it may learn long after
const MOST_RUNS_BEFORE = 2; // each makes the search longer
const BRIEF_NS = 100e6;
const LINGER_NS = 1e9;

type Timed = Pick<ScriptCall, 'at' | 'returned'>;

/** Whether a call can have run more than once: what a lost connection took is sent again, over the other one at once, or over the next. */
export function isRepeatable(call: Timed, history: History): boolean {
  return isLong(call) || dropsDuring(call, history).length > 0;
}

/**
 * How often a call can have run before the run that answered it. That answer is the last one's, and where its flow was deleted or replaced in between,
 * the last knows nothing of the first. What is in flight while two connections drop may run three times.
 */
export function runsBefore(call: ScriptCall, history: History): number {
  if (call.verb === 'read') return 0;
  const overdue = (call.returned ?? Infinity) - call.at > OVERDUE_NS ? 1 : 0;
  return Math.min(MOST_RUNS_BEFORE, Math.max(dropsDuring(call, history).length, overdue));
}

/**
 * When another run of a call was over at the latest. Nobody waits for the copies of a renewal, which give an owner more time and do nothing else: one may run
 * after the answer.
 */
export function lastRunOf({ verb, returned }: ScriptCall): number | undefined {
  return verb === 'renew' && returned !== undefined ? returned + LINGER_NS : returned;
}

function dropsDuring(call: Timed, { deeds }: History): readonly Deed[] {
  const { at, returned = Infinity } = call;
  const overlapping = (after: number): Deed[] =>
    deeds.filter(({ from, end = Infinity }) => from < returned && at < end + after);
  // What takes long right behind a fault may still be waiting for a connection. What is quick was repeated over the other connection, which only
  // faults of a moment leave alone.
  return isLong(call) ? overlapping(RECONNECT_NS) : overlapping(0).filter(isBrief);
}

function isBrief({ deed, from, end = Infinity }: Deed): boolean {
  return deed === 'fault' && end - from < BRIEF_NS;
}

function isLong({ at, returned = Infinity }: Timed): boolean {
  return returned - at > RECONNECT_NS;
}
