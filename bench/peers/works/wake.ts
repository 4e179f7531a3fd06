import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../../figures.js';
import type { Entry } from '../entries.js';
import { Running } from '../running.js';
import { BYTES, type Play, type Sample } from './context.js';

const BLOCK = 100;
const POLLED = 100;

interface Pair {
  readonly entry: Entry;
  readonly waiter: Running;
  readonly settler: Running;
  readonly times: number[];
}

/** From complete in one process to the outcome in another. All pairs live at once, and have their turns in blocks. */
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
    const [warm, blocks] = quick ? [2, 3] : [50, 30];
    for (let block = -warm; block < blocks; block++)
      for (const pair of pairs)
        if (pair.entry.pollMs === undefined) {
          const woken = await oneByOne(pair, `${label}-${block + warm}`);
          if (block >= 0) pair.times.push(...woken);
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

async function oneByOne({ waiter, settler }: Pair, label: string): Promise<number[]> {
  const times: number[] = [];
  for (let at = 0; at < BLOCK; at++) {
    const id = `wake-${label}-${at}`;
    await waiter.ask('open', { id });
    // Asked for afterwards: while it is being woken, the waiter is to do nothing else.
    await settler.ask('complete', { id, bytes: BYTES });
    times.push(...(await waiter.ask('woken', {})));
  }
  return times;
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
