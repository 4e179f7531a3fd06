import { arch, cpus, platform, release, totalmem } from 'node:os';
import type { Entry, Work } from './entries.js';
import { Progress } from './progress.js';
import { versionOf } from './programs.js';
import { measurementsOf, type Results } from './results.js';
import { WatchedServer } from './watched-server.js';
import type { Play, Sample } from './works/context.js';
import { cost } from './works/cost.js';
import { growth } from './works/growth.js';
import { handoff } from './works/handoff.js';
import { idle } from './works/idle.js';
import { singleFlight } from './works/single-flight.js';
import { throughput } from './works/throughput.js';
import { wake } from './works/wake.js';

const PLAYS: Readonly<Record<Work, Play>> = {
  wake,
  throughput,
  'single-flight': singleFlight,
  handoff,
  cost,
  growth,
  idle,
};

export interface Plan {
  readonly entries: readonly Entry[];
  readonly works: readonly Work[];
  readonly rounds: number;
  readonly quick: boolean;
  readonly command: string;
}

/** All works, round by round: within each, all contenders in turn on one server, and another one first each time. */
export async function play({ entries, works, rounds, quick, command }: Plan): Promise<Results> {
  const started = performance.now();
  const takePart = (work: Work): Entry[] => entries.filter((entry) => entry.works.includes(work));
  const total = rounds * works.reduce((sum, work) => sum + takePart(work).length, 0);
  const progress = new Progress(total);
  const server = await WatchedServer.start();
  const samples: Sample[] = [];
  const failures: string[] = [];
  try {
    for (let round = 0; round < rounds; round++)
      for (const work of works) {
        const taking = takePart(work);
        const from = taking.length > 0 ? round % taking.length : 0;
        progress.begin(round, work);
        samples.push(
          ...(await PLAYS[work]({
            server,
            entries: [...taking.slice(from), ...taking.slice(0, from)],
            quick,
            label: `${Date.now()}-${round}`,
            failed: ({ name }, error) => failures.push(`${name} could not do ${work}: ${String(error)}`),
            done: ({ name }) => progress.did(name),
          })),
        );
      }
    return {
      date: new Date().toISOString(),
      command,
      quick,
      seconds: Math.round((performance.now() - started) / 1_000),
      machine: {
        cpu: cpus()[0]?.model ?? 'unknown',
        cores: cpus().length,
        memoryGb: Math.round(totalmem() / 2 ** 30),
        system: `${platform()} ${release()} ${arch()}`,
      },
      versions: {
        node: process.version.slice(1),
        redis: await server.version(),
        ...Object.fromEntries(
          entries.flatMap(({ packages }) => packages).map((name) => [name, versionOf(name)]),
        ),
      },
      measurements: inOrder(measurementsOf(samples), entries),
    };
  } finally {
    progress.stop();
    for (const failure of failures) console.error(`*** ${failure} ***`);
    await server.stop();
  }
}

/** However the rounds' turns went. */
function inOrder(measurements: Results['measurements'], entries: readonly Entry[]): Results['measurements'] {
  const rank = new Map(entries.map(({ name }, at) => [name, at]));
  const works = Object.keys(PLAYS);
  return [...measurements].sort(
    (a, b) =>
      works.indexOf(a.work) - works.indexOf(b.work) ||
      (rank.get(a.contender) ?? 0) - (rank.get(b.contender) ?? 0),
  );
}
