import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { spawnTs } from '../../scripts/spawn-ts.js';
import { message } from '../helpers/program.js';
import type { Arrangement } from './arrangement.js';
import { cluster } from './arrangements/cluster.js';
import { sentinel } from './arrangements/sentinel.js';
import { standalone } from './arrangements/standalone.js';
import { check, type Findings } from './checker/check.js';
import { readHistory } from './checker/history.js';
import { LONGEST_TIMEOUT_MS, type Deed, type RunConfig } from './entries.js';
import { torment } from './nemesis.js';
import { probe } from './probe.js';
import { Random } from './random.js';

const ARRANGE: Readonly<Record<string, (fault: string) => Promise<Arrangement>>> = {
  standalone,
  sentinel,
  cluster,
};
export const TOPOLOGIES = Object.keys(ARRANGE);

export interface PlayOptions {
  readonly topology: string;
  readonly fault: string;
  readonly seconds: number;
  readonly seed: number;
  readonly processes?: number;
  /** How many things each process does at a time. */
  readonly actors?: number;
  readonly pauseMs?: number;
  /** How many names are in use at a time: the fewer, the more happens to each flow. */
  readonly names?: number;
  readonly seededBug?: string;
}

export interface Played extends Findings {
  readonly leftovers: readonly string[];
  /** Where the histories are, if they were kept: they are wherever something did not hold. */
  readonly kept: string | undefined;
}

const ENDING_MS = LONGEST_TIMEOUT_MS + 8_000;

/** Starts the servers of a topology, ready for a fault. */
export async function arrange(topology: string, fault: string): Promise<Arrangement> {
  const known = ARRANGE[topology];
  if (!known) throw new Error(`there is no topology ${topology}; there are ${TOPOLOGIES.join(', ')}`);
  return known(fault);
}

/** One run: processes that do as they please, a nemesis that hurts them and their servers, and then the checker. On servers of the caller's, if there are. */
export async function play(
  options: PlayOptions,
  porcupine: { readonly file: string } | { readonly why: string },
  lent?: Arrangement,
): Promise<Played> {
  const {
    topology,
    fault,
    seconds,
    seed,
    processes = 3,
    actors = 24,
    pauseMs = 12,
    names = 40,
    seededBug,
  } = options;
  const folder = await mkdtemp(join(tmpdir(), 'flowbroker-chaos-'));
  const arrangement = lent ?? (await arrange(topology, fault));
  const zero = process.hrtime.bigint();
  const now = (): number => Number(process.hrtime.bigint() - zero);
  const wallZero = Date.now();
  const files = Array.from({ length: processes }, (_none, index) =>
    join(folder, `process-${String(index)}.jsonl`),
  );
  const workers = files.map((file, index) => {
    const config: RunConfig = {
      ...{ seed, index, file, zero: String(zero), redis: arrangement.redis, actors, pauseMs, names },
      ...(seededBug !== undefined && { seededBug }),
    };
    return spawnTs(join(__dirname, 'worker', 'program.ts'), { args: [JSON.stringify(config)] });
  });
  const exits = workers.map((worker) => once(worker, 'exit'));
  let clean = false;
  const probing = probe(arrangement.ports, now);
  try {
    await Promise.all(workers.map((worker) => message(worker)));
    const untilNs = now() + seconds * 1e9;
    for (const worker of workers) worker.send({ untilNs });
    const tormented = await torment({ arrangement, workers, fault, random: new Random(seed), now, untilNs });
    const ended = Promise.all(exits).then(() => true);
    const all = await Promise.race([ended, delay(ENDING_MS, false, { ref: false })]);
    const unasked = unaskedFailovers(arrangement, tormented, now);
    const deeds = [...tormented, ...unasked, ...probing.stop()];
    const stragglers = all ? [] : ['a process was still there, and had to be killed'];
    const leftovers = all ? await arrangement.leftovers() : stragglers;
    if (!all) for (const worker of workers) worker.kill('SIGKILL');
    await Promise.all(exits);
    const findings = await check(readHistory(files, deeds, wallZero), porcupine);
    clean = leftovers.length === 0 && Object.values(findings.broken).every((broken) => broken.length === 0);
    return { ...findings, leftovers, kept: clean ? undefined : folder };
  } finally {
    probing.stop();
    for (const worker of workers) worker.kill('SIGKILL');
    await Promise.all(exits);
    if (!lent) await arrangement.close();
    if (clean || seededBug !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

const AROUND_NS = 2e9; // two masters are told something, from the promotion until all know

/** Failovers that no fault asked for. */
function unaskedFailovers({ switches }: Arrangement, asked: readonly Deed[], now: () => number): Deed[] {
  const zeroMs = performance.now() - now() / 1e6;
  return (switches?.() ?? []).flatMap(({ atMs, ports }) => {
    const at = (atMs - zeroMs) * 1e6;
    const [from, end] = [at - AROUND_NS, at + AROUND_NS];
    const told = asked.some(
      (deed) =>
        deed.deed === 'replaced' &&
        deed.from - AROUND_NS < at &&
        at < deed.end + AROUND_NS &&
        deed.ports.every((port, which) => port === ports[which]),
    );
    return at < 0 || told ? [] : [{ deed: 'replaced' as const, from, end, ports }];
  });
}
