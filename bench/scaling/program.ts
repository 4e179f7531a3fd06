import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createBroker } from '../../src/index.js';
import type { Told } from './replica.js';

/** A process of the fleet: holds waiters, opens flows at a pace, and completes those of the process before it. */
const [nodes = '', rereadMs = ''] = process.argv.slice(2);
const cluster = nodes.split(',').map((port) => ({ host: '127.0.0.1', port: Number(port) }));
const broker = createBroker({ redis: { cluster }, rereadMs: Number(rereadMs) });
const flows = broker.define<string>('scaling', { timeoutMs: 600_000 });

const PAYLOAD = 'x'.repeat(248);
const TICK_MS = 10;
const OPEN_MS = 500; // how long a flow stands before it is completed

/** One after another over so long a time: what is opened at once is also read again at once. */
async function hold(label: string, count: number, overMs: number): Promise<void> {
  const from = performance.now();
  let opened = 0;
  const opening: Promise<void>[] = [];
  while (opened < count) {
    await sleep(TICK_MS);
    const due = Math.min(count, Math.ceil((count * (performance.now() - from)) / overMs));
    for (; opened < due; opened++)
      opening.push(
        flows.open(`${label}-${String(opened)}`).then(({ outcome }) => {
          outcome.catch(() => undefined); // it ends with the process
        }),
      );
  }
  await Promise.all(opening);
}

/** Resolves with how many of its flows were heard of. */
async function pace({ label, self, before, rate, ms, from }: Extract<Told, { do: 'pace' }>): Promise<number> {
  const most = Math.floor((rate * ms) / 1_000);
  const due = (after: number): number =>
    Math.min(most, Math.floor(((Date.now() - from - after) * rate) / 1_000));
  const outcomes: Promise<number>[] = [];
  let [opened, completed] = [0, 0];
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      for (; opened < due(0); opened++) {
        const opening = flows.open(`${label}-${String(self)}-${String(opened)}`);
        outcomes.push(
          opening.then(({ outcome }) => outcome).then((payload) => (payload === PAYLOAD ? 1 : 0)),
        );
      }
      for (; completed < due(OPEN_MS); completed++)
        void flows.complete(`${label}-${String(before)}-${String(completed)}`, PAYLOAD);
      if (completed < most) return;
      clearInterval(timer);
      resolve();
    }, TICK_MS);
  });
  return (await Promise.all(outcomes)).reduce((sum, one) => sum + one, 0);
}

function usage(): { cpuUs: number; rereads: number } {
  const { user, system } = process.cpuUsage();
  return { cpuUs: user + system, rereads: broker.stats().rereads };
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function memory(): number {
  collect();
  // Of the RSS, V8 keeps now more, now less that it does not use: it said 30 and 39 MB of the same waiters.
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function answer(told: Told): Promise<unknown> {
  if (told.do === 'usage') return usage();
  if (told.do === 'memory') return memory();
  if (told.do === 'hold') return hold(told.label, told.count, told.overMs);
  if (told.do === 'pace') return pace(told);
  await flows.create('warm');
  return undefined;
}

process.on('message', (told: Told & { n: number }) => {
  if (told.do === 'stop') process.exit(0); // closing would tell each waiter; nobody listens any more
  answer(told).then(
    (is) => process.send?.({ n: told.n, is }),
    (error: unknown) => process.send?.({ n: told.n, error: String(error) }),
  );
});
