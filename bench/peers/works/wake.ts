import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../../figures.js';
import { shuffled } from '../../shuffled.js';
import type { Entry } from '../entries.js';
import { Running } from '../running.js';
import { BYTES, type Play, type Sample } from './context.js';

const POLLED = 100;

interface Pair {
  readonly entry: Entry;
  readonly waiter: Running;
  readonly settler: Running;
  readonly times: number[];
}

/** From complete in one process to the outcome in another. All pairs live at once, and have one wake each in turn, in another order each time. */
export const wake: Play = async ({ server, entries, quick, label, done }) => {
  const pairs: Pair[] = [];
  try {
    for (const entry of entries)
      pairs.push({
        entry,
        waiter: await Running.start(entry, server.url, 'waiter'),
        settler: await Running.start(entry, server.url, 'settler'),
        times: [],
      });
    // Engines are still compiling for some thousand wakes, on cores that the wakes need.
    const [warm, count] = quick ? [200, 300] : [5_000, 3_000];
    for (let at = -warm; at < count; at++)
      for (const pair of shuffled(pairs))
        if (pair.entry.pollMs === undefined) {
          const ms = await once(pair, `wake-${label}-${at + warm}`);
          if (at >= 0) pair.times.push(ms);
        }
    for (const pair of pairs) {
      const { pollMs } = pair.entry;
      if (pollMs !== undefined) pair.times.push(...(await together(pair, label, pollMs)));
      done(pair.entry);
    }
    return pairs.flatMap(samplesOf);
  } finally {
    await Promise.all(pairs.flatMap(({ waiter, settler }) => [waiter.stop(), settler.stop()]));
  }
};

async function once({ waiter, settler }: Pair, id: string): Promise<number> {
  await waiter.ask('open', { id });
  // Asked for afterwards: while it is being woken, the waiter is to do nothing else.
  await settler.ask('complete', { id, bytes: BYTES });
  const [ms = NaN] = await waiter.ask('woken', {});
  return ms;
}

/** Each flow ends at a moment of its own between two looks: one by one that would take a second each. */
async function together({ waiter, settler }: Pair, label: string, pollMs: number): Promise<number[]> {
  const ids = Array.from({ length: POLLED }, (_, at) => `wake-${label}-${at}`);
  await Promise.all(ids.map((id) => waiter.ask('open', { id })));
  await Promise.all(
    ids.map(async (id, at) => {
      await sleep((pollMs * at) / POLLED);
      await settler.ask('complete', { id, bytes: BYTES });
    }),
  );
  return waiter.ask('woken', {});
}

function samplesOf({ entry, times }: Pair): Sample[] {
  const sample = (figure: string, value: number): Sample => ({
    work: 'wake',
    contender: entry.name,
    figure,
    unit: 'ms',
    value,
  });
  return [
    sample('p50', quantile(times, 0.5)),
    sample('p99', quantile(times, 0.99)),
    sample('max', Math.max(...times)),
  ];
}
