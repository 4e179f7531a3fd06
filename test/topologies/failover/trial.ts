import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RedisCluster } from '../../../scripts/redis/index.js';
import { spawnTs } from '../../../scripts/spawn-ts.js';
import type { BrokerOptions } from '../../../src/index.js';
import { message } from '../../helpers/program.js';
import { FAULTS, type Fault, type FaultName } from './faults.js';
import { now, type LoadOptions, type Outcome, type Wake } from './load.js';

export interface TrialOptions {
  readonly fault: FaultName;
  /** Waits open all the time; default 2,000. */
  readonly open?: number;
  /** Wakes a second; default 300. */
  readonly rate?: number;
  /** How long the load runs before the fault, to compare with; default 6,000. */
  readonly beforeMs?: number;
  /** How long it goes on when the slots are served again; default 3,000. */
  readonly afterMs?: number;
  /** Options of the brokers; default: none but where the Cluster is. */
  readonly broker?: Omit<BrokerOptions, 'redis'>;
}

/** What became of the waits. Durations in ms. */
export interface Trial {
  readonly wakes: number;
  /** Waits that had not ended long after they were settled. */
  readonly hung: number;
  /** Calls and waits that ended otherwise than with the flow's value, by code. */
  readonly otherwise: Readonly<Record<string, number>>;
  /** Of slots that did not change hands: the wakes before the fault, and those from the fault to the end of its backlog, or a second after it. */
  readonly othersBefore: Quantiles;
  readonly othersDuring: Quantiles;
  /** From the fault to the new master. */
  readonly promotionMs: number;
  /** From the new master to the first wake in its slots. */
  readonly firstMs: number;
  /** From the new master until no wake in its slots was slow any more. */
  readonly steadyMs: number;
}

export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

const SETTLING_IN_MS = 1_000; // what a program just started is busy with
const SLOW_MS = 100; // what a wake without a fault takes at most
const LEAST_MS = 1_000; // a failover by command is over in no time, and so would be the wakes to judge by

let trials = 0;

/** Hurts a Cluster under a steady load of waits and wakes in another process, and measures what its waiters saw of that. */
export async function trial(
  cluster: RedisCluster,
  { fault: name, open = 2_000, rate = 300, beforeMs = 6_000, afterMs = 3_000, broker }: TrialOptions,
): Promise<Trial> {
  const fault = await FAULTS[name](cluster);
  const options: LoadOptions = {
    ...{ type: `trial-${String(++trials)}`, open, rate }, // no other finds its flows
    ...(name === 'slots move' && { favoured: [...fault.slots] }),
  };
  const load = spawnTs(join(__dirname, '..', 'programs', 'load.ts'), {
    args: [JSON.stringify({ broker: { ...broker, redis: { cluster: cluster.nodes } }, ...options })],
  });
  const ended = once(load, 'exit');
  try {
    await message(load);
    await delay(Math.min(beforeMs, SETTLING_IN_MS));
    const from = now();
    await delay(beforeMs);
    const at = now();
    await fault.inflict();
    const inflicted = now();
    await delay(afterMs);
    const until = now();
    load.send('finish');
    const { wakes, otherwise, hung } = await message<Outcome>(load);
    await ended;
    const steadily = wakes.filter((wake) => wake.from < until); // at the end all are settled at once
    return {
      ...{ wakes: wakes.length, hung, otherwise },
      ...figuresOf(steadily, fault, { from, at, inflicted }),
    };
  } finally {
    load.kill('SIGKILL');
    await ended;
    await fault.restore();
  }
}

function figuresOf(
  wakes: readonly Wake[],
  fault: Fault,
  { from, at, inflicted }: { readonly from: number; readonly at: number; readonly inflicted: number },
): Omit<Trial, 'wakes' | 'hung' | 'otherwise'> {
  const others = wakes.filter(({ slot }) => !fault.slots.has(slot));
  let [first, steady, promotion] = [Infinity, 0, 0];
  for (const wake of wakes) {
    if (!fault.slots.has(wake.slot)) continue;
    const promoted = fault.promotedAt(wake.slot);
    promotion = Math.max(promotion, promoted - at);
    const since = wake.told - promoted;
    if (since < 0) continue;
    first = Math.min(first, since);
    if (wake.told - Math.max(wake.from, promoted) > SLOW_MS) steady = Math.max(steady, since);
  }
  const end = inflicted + Math.max(steady, LEAST_MS);
  return {
    othersBefore: quantilesOf(others.filter((wake) => wake.from >= from && wake.told < at)),
    othersDuring: quantilesOf(others.filter((wake) => wake.from >= at && wake.from < end)),
    ...{ promotionMs: promotion, firstMs: first, steadyMs: steady },
  };
}

function quantilesOf(wakes: readonly Wake[]): Quantiles {
  const ms = wakes.map((wake) => wake.told - wake.from).sort((a, b) => a - b);
  const at = (q: number): number => ms[Math.min(ms.length - 1, Math.floor(ms.length * q))] ?? NaN;
  return { count: ms.length, p50: at(0.5), p99: at(0.99), most: at(1) };
}
