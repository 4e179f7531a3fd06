import { setTimeout as sleep } from 'node:timers/promises';
import type {
  CallersGiven,
  CallersIs,
  HoldGiven,
  HoldIs,
  ThroughputGiven,
  ThroughputIs,
  TurnsGiven,
  TurnsIs,
} from './commands.js';
import type { Contender } from './contender.js';

/** Flows that are opened and completed here, so many at a time. */
export async function throughput(contender: Contender, given: ThroughputGiven): Promise<ThroughputIs> {
  const { label, inFlight, bytes, ms = Infinity, flows: most = Infinity } = given;
  const payload = 'x'.repeat(bytes);
  let flows = 0;
  const before = process.cpuUsage();
  const started = performance.now();
  const one = async (id: string): Promise<void> => {
    const { outcome, left } = await contender.open!(id);
    const [got] = await Promise.all([outcome, contender.complete!(id, () => payload), left]);
    if (got !== payload) throw new Error('not the outcome that was given');
  };
  const inTurn = async (): Promise<void> => {
    while (flows < most && performance.now() - started < ms) await one(`${label}-${flows++}`);
  };
  await Promise.all(Array.from({ length: inFlight }, inTurn));
  const { user, system } = process.cpuUsage(before);
  return { flows, ms: performance.now() - started, cpuUs: user + system };
}

// More at once would measure how long queues grow, not what a waiter holds.
const OPENED_AT_ONCE = 500;

export async function hold(contender: Contender, collect: () => void, given: HoldGiven): Promise<HoldIs> {
  const { label, count } = given;
  await sleep(200);
  collect();
  const before = process.memoryUsage.rss();
  const heapBefore = process.memoryUsage().heapUsed;
  const started = performance.now();
  let next = 0;
  const inTurn = async (): Promise<void> => {
    while (next < count) {
      const { outcome } = await contender.open!(`${label}-${next++}`);
      outcome.catch(() => undefined); // it ends with the process
    }
  };
  await Promise.all(Array.from({ length: OPENED_AT_ONCE }, inTurn));
  const ms = performance.now() - started;
  await sleep(1_500); // what follows a wait that lasts
  collect();
  return { ms, heap: process.memoryUsage().heapUsed - heapBefore, rss: process.memoryUsage.rss() - before };
}

/** Callers of one expensive thing, all at once. */
export async function callers(contender: Contender, given: CallersGiven): Promise<CallersIs> {
  const { id, callers: count, handlerMs } = given;
  const started = performance.now();
  let runs = 0;
  let slowestMs = 0;
  const work = async (): Promise<string> => {
    const answer = `answer ${process.pid}-${++runs}`;
    await sleep(handlerMs);
    return answer;
  };
  const call = async (): Promise<string> => {
    const answer = await contender.once!(id, work);
    slowestMs = Math.max(slowestMs, performance.now() - started);
    return answer;
  };
  const answers = await Promise.all(Array.from({ length: count }, call));
  return { runs, answers: [...new Set(answers)], slowestMs };
}

const now = (): number => performance.timeOrigin + performance.now();

/** Contenders for exclusive work, all at once. */
export async function turns(contender: Contender, given: TurnsGiven): Promise<TurnsIs> {
  const work = async (): Promise<[number, number]> => {
    const from = now();
    await sleep(given.workMs);
    return [from, now()];
  };
  const turn = (): Promise<[number, number]> => contender.exclusive!(given.name, work);
  return { turns: await Promise.all(Array.from({ length: given.contenders }, turn)) };
}
