import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Arrangement, Inflict } from './arrangement.js';
import type { Deed } from './entries.js';
import type { Random } from './random.js';
import { stopFor } from './stopping.js';

/** Faults that the processes themselves suffer, however the servers are arranged. The first process runs most handlers, the last waits most. */
export function processFaults(workers: readonly ChildProcess[]): Record<string, Inflict> {
  const stopping =
    (worker: ChildProcess | undefined): Inflict =>
    ({ random }) =>
      stopFor(worker?.pid ?? 0, random.between(100, 900));
  return {
    'stop-owner': stopping(workers[0]),
    'stop-waiter': stopping(workers.at(-1)),
  };
}

export interface Nemesis {
  readonly arrangement: Arrangement;
  readonly workers: readonly ChildProcess[];
  readonly fault: string;
  readonly random: Random;
  /** Nanoseconds since the run's zero. */
  readonly now: () => number;
  readonly untilNs: number;
}

/** Injects one kind of fault again and again until the time is up, and writes down when. Leaves everything healed. */
export async function torment(nemesis: Nemesis): Promise<Deed[]> {
  const { arrangement, workers, fault, random, now, untilNs } = nemesis;
  if (fault === 'none') {
    await delay((untilNs - now()) / 1e6);
    return [];
  }
  const known = { ...processFaults(workers), ...arrangement.faults };
  const inflict = known[fault];
  if (!inflict)
    throw new Error(`there is no fault ${fault} here; there are none, ${Object.keys(known).join(', ')}`);
  const deeds: Deed[] = [];
  const over = delay((untilNs - now()) / 1e6).then(() => arrangement.heal());
  while (now() < untilNs) {
    await delay(random.between(300, 1_000));
    if (now() >= untilNs) break;
    const deed: Deed = { deed: 'fault', fault, from: now() };
    deeds.push(deed);
    await inflict({
      random,
      tell: ({ agoMs, ...saw }) => deeds.push({ ...saw, from: now() - agoMs * 1e6, end: now() }),
      over: () => (deed.end = now()),
    });
    deed.end ??= now();
  }
  await over;
  await arrangement.heal();
  return deeds;
}
