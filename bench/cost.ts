import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Redis } from 'ioredis';
import { createBroker, type Flows } from '../src/index.js';
import type { Figure } from './figures.js';

const PENDING = 20_000;
const ALONE = 500;
const IN_FLIGHT = 256;
const SENT = ['subscribe', 'unsubscribe', 'evalsha', 'eval'];
const IDLE_MS = 3_000;
const LET_GO_MS = 1_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What clients sent, in commands; what scripts call inside is not sent. */
async function sent(redis: Redis): Promise<number> {
  const stats = await redis.info('commandstats');
  let calls = 0;
  for (const [, name, count] of stats.matchAll(/cmdstat_([\w|]+):calls=(\d+)/g)) {
    if (SENT.includes(name ?? '')) calls += Number(count);
  }
  return calls;
}

async function usedBytes(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
}

/** Resolves once nothing is sent any more. */
async function quiet(redis: Redis): Promise<void> {
  for (let before = -1, now = 0; now !== before;) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 300));
    now = await sent(redis);
  }
}

/** What is still needed, once nothing is under way. */
async function heapHeld(redis: Redis): Promise<number> {
  await quiet(redis);
  await new Promise((resolve) => setTimeout(resolve, 2 * LET_GO_MS)); // a line looks at what was answered when it may be late
  collect();
  return process.memoryUsage().heapUsed;
}

async function settleEach(flows: Flows<number>, label: string, atOnce: number): Promise<void> {
  const each = async (from: number): Promise<void> => {
    for (let at = from; at < ALONE * atOnce; at += atOnce) {
      const id = `${label}-${String(at)}`;
      const { outcome } = await flows.open(id);
      await flows.complete(id, 1);
      await outcome;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, from) => each(from)));
}

/** Commands, bytes in Redis and bytes of heap that a flow costs. */
export async function cost(url: string): Promise<Figure[]> {
  const redis = new Redis(url);
  const broker = createBroker({ redis: url, heartbeatMs: 3_600_000, commandTimeoutMs: LET_GO_MS });
  const flows = broker.define<number, object>('bench');
  const stamp = String(Date.now());
  await settleEach(flows, `first-${stamp}`, 1);

  const perFlow = async (atOnce: number): Promise<number> => {
    const before = await sent(redis);
    await settleEach(flows, `count-${stamp}-${String(atOnce)}`, atOnce);
    return ((await sent(redis)) - before) / (ALONE * atOnce);
  };
  const alone = await perFlow(1);
  const together = await perFlow(IN_FLIGHT);

  const bytesBefore = await usedBytes(redis);
  const ids = Array.from({ length: PENDING }, (_, at) => `pending-${stamp}-${String(at)}`);
  await Promise.all(ids.map((id) => flows.create(id, { metadata: {} })));
  const bytes = ((await usedBytes(redis)) - bytesBefore) / PENDING;

  const heapBefore = await heapHeld(redis);
  const waits = ids.map((id) => flows.wait(id));
  const heap = ((await heapHeld(redis)) - heapBefore) / PENDING; // behind every read of a wait

  const idleBefore = await sent(redis);
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const idle = (await sent(redis)) - idleBefore;
  const ended = Promise.allSettled(waits);
  await broker.close();
  await ended;
  redis.disconnect();
  const most = (value: number): Figure['bound'] => ({ at: 'most', value });
  return [
    {
      name: 'commands a flow through open, one at a time',
      value: alone,
      unit: '',
      bound: most(4),
      detail: `${String(ALONE)} flows`,
    },
    {
      name: `commands a flow, ${String(IN_FLIGHT)} in flight`,
      value: together,
      unit: '',
      bound: most(alone),
      detail: `${String(ALONE * IN_FLIGHT)} flows`,
    },
    {
      name: 'Redis memory of a pending flow, metadata {}',
      value: bytes,
      unit: 'B',
      bound: most(650),
      detail: `${String(PENDING)} flows, used_memory`,
    },
    {
      name: 'heap of an idle waiter',
      value: heap,
      unit: 'B',
      bound: most(3_072),
      detail: `${String(PENDING)} waiters on as many flows`,
    },
    {
      name: `commands of ${String(PENDING)} idle waiters in ${String(IDLE_MS / 1_000)} s`,
      value: idle,
      unit: '',
      bound: most(0),
      detail: 'heartbeat aside',
    },
  ];
}
