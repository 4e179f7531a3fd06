import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { spawnTs } from '../../scripts/spawn-ts.js';
import { message } from '../helpers/program.js';
import { MIXED, standalone } from './arrangements/standalone.js';
import { check } from './checker/check.js';
import { readHistory } from './checker/history.js';
import { LONGEST_TIMEOUT_MS, type RunConfig, type Sample } from './entries.js';
import { torment } from './nemesis.js';
import { probe } from './probe.js';
import { Random } from './random.js';
import { complaints } from './report.js';
import type { play } from './play.js';

export interface SoakOptions {
  readonly minutes: number;
  /** Goes on until there were so many, however long they take; default 1. */
  readonly leastPieces?: number;
  readonly seed: number;
  /** How long processes act before they come to rest, are looked at, and what they wrote down is checked and thrown away. */
  readonly pieceSeconds?: number;
  readonly processes?: number;
  readonly actors?: number;
  readonly names?: number;
}

export interface Soaked {
  readonly pieces: number;
  readonly flows: number;
  readonly operations: number;
  readonly faults: number;
  /** What did not hold, in words; the soak ends with the first piece in which something did not. */
  readonly complaints: readonly string[];
  /** What each process took, after each piece. */
  readonly samples: readonly (readonly Sample[])[];
  readonly kept: string | undefined;
}

const FAULTS = ['none', ...MIXED, 'stop-owner', 'stop-waiter'];
const REST_MS = LONGEST_TIMEOUT_MS + 20_000;

/** The same processes and brokers for a long time, under faults of all kinds in turn: what they hold must not grow. */
export async function soak(
  options: SoakOptions,
  porcupine: Parameters<typeof play>[1],
  say: (text: string) => void = () => undefined,
): Promise<Soaked> {
  const {
    minutes,
    leastPieces = 1,
    seed,
    pieceSeconds = 15,
    processes = 3,
    actors = 60,
    names = 150,
  } = options;
  const folder = await mkdtemp(join(tmpdir(), 'flowbroker-soak-'));
  const arrangement = await standalone('mixed');
  const zero = process.hrtime.bigint();
  const now = (): number => Number(process.hrtime.bigint() - zero);
  const wallZero = Date.now();
  const fileOf = (piece: number, index: number): string =>
    join(folder, `${String(piece)}-${String(index)}.jsonl`);
  const workers = Array.from({ length: processes }, (_none, index) => {
    const config: RunConfig = {
      ...{ seed, index, file: fileOf(0, index), zero: String(zero), redis: arrangement.redis },
      ...{ actors, pauseMs: 12, names },
    };
    return spawnTs(join(__dirname, 'worker', 'program.ts'), { args: [JSON.stringify(config)] });
  });
  const exits = workers.map((worker) => once(worker, 'exit'));
  const random = new Random(seed);
  const samples: Sample[][] = workers.map(() => []);
  let [pieces, flows, operations, faults] = [0, 0, 0, 0];
  let found: string[] = [];
  try {
    await Promise.all(workers.map((worker) => message(worker)));
    while ((now() < minutes * 60e9 || pieces < leastPieces) && found.length === 0) {
      const fault = FAULTS[pieces % FAULTS.length]!;
      const untilNs = now() + pieceSeconds * 1e9;
      const probing = probe(arrangement.ports, now);
      for (const [index, worker] of workers.entries())
        worker.send({ untilNs, next: fileOf(pieces + 1, index) });
      const rested = Promise.all(workers.map((worker) => message<Sample>(worker)));
      const tormented = await torment({ arrangement, workers, fault, random, now, untilNs });
      const all = await Promise.race([rested, delay(REST_MS, undefined, { ref: false })]);
      const deeds = [...tormented, ...probing.stop()];
      if (!all) throw new Error(`a process did not come to rest after ${fault}`);
      const files = workers.map((_worker, index) => fileOf(pieces, index));
      const findings = await check(readHistory(files, deeds, wallZero), porcupine);
      found = complaints({ ...findings, leftovers: [], kept: undefined });
      if (found.length > 0) found.unshift(`piece ${String(pieces)}, ${fault}:`);
      else await Promise.all(files.map((file) => rm(file)));
      for (const [index, sample] of all.entries()) samples[index]?.push({ ...sample, at: now() });
      say(
        `${fault}: ${String(findings.flows)} flows; ${all.map(({ heap, rss, resources, sockets }) => `heap ${mb(heap)} rss ${mb(rss)} ${String(resources)} resources ${String(sockets)} sockets`).join('; ')}`,
      );
      flows += findings.flows;
      operations += findings.operations;
      faults += findings.faults;
      pieces++;
    }
    for (const worker of workers) worker.send({ end: true });
    const ended = Promise.all(exits).then(() => true);
    if (!(await Promise.race([ended, delay(REST_MS, false, { ref: false })])))
      found.push('a process was still there, and had to be killed');
    else found.push(...(await arrangement.leftovers()));
    return {
      pieces,
      flows,
      operations,
      faults,
      complaints: found,
      samples,
      kept: found.length > 0 ? folder : undefined,
    };
  } finally {
    for (const worker of workers) worker.kill('SIGKILL');
    await Promise.all(exits);
    await arrangement.close();
    if (found.length === 0) await rm(folder, { recursive: true, force: true });
  }
}

const mb = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MB`;
