import type { Entry } from '../entries.js';
import { Running } from '../running.js';
import { BYTES, inTurn, type Context, type Sample } from './context.js';

const WAITERS = [1_000, 10_000, 100_000];
const PROCESSES = [1, 2, 4, 8, 16];
const PAYLOADS = [100, 1_000, 10_000, 100_000, 1_000_000];
const IN_FLIGHT_EACH = 16;

/** What more waiters, processes and bytes cost. */
export const growth = inTurn(async (entry, context) => [
  ...(await waiters(entry, context)),
  ...(await processes(entry, context)),
  ...(await payloads(entry, context)),
]);

const sampleOf =
  (entry: Entry) =>
  (figure: string, unit: string, at: number, value: number): Sample => ({
    work: 'growth',
    contender: entry.name,
    figure,
    unit,
    at,
    value,
  });

/** Idle waiters in one process: each number of them in a new one. */
async function waiters(entry: Entry, { server, quick, label }: Context): Promise<Sample[]> {
  const sample = sampleOf(entry);
  const samples: Sample[] = [];
  const most = quick ? 10_000 : (entry.mostWaiters ?? Infinity);
  for (const count of WAITERS.filter((one) => one <= most)) {
    await server.empty();
    const waiter = await Running.start(entry, server.url, 'waiter');
    try {
      const before = await server.snapshot();
      const held = await waiter.ask('hold', { label: `idle-${label}-${count}`, count });
      const after = await server.snapshot();
      samples.push(
        sample('opening idle waiters', 'ms', count, held.ms),
        sample('client memory of idle waiters', 'MB', count, held.rss / 1e6),
        sample('Redis memory of idle waiters', 'MB', count, (after.memory - before.memory) / 1e6),
      );
    } finally {
      await waiter.stop();
    }
  }
  await server.empty();
  return samples;
}

/** The same flows from each of more and more processes, all at once: CPU of the server and of them all. */
async function processes(entry: Entry, { server, quick, label }: Context): Promise<Sample[]> {
  if (entry.pollMs !== undefined) return []; // its flows take what its polls take, however many processes there are
  const sample = sampleOf(entry);
  const samples: Sample[] = [];
  const flows = quick ? 300 : 2_000;
  const running: Running[] = [];
  try {
    for (const count of PROCESSES.filter((one) => !quick || one <= 4)) {
      const more = await Running.startAll(entry, server.url, count - running.length);
      running.push(...more);
      const given = { inFlight: IN_FLIGHT_EACH, bytes: BYTES };
      await Promise.all(
        more.map((one, at) =>
          one.ask('throughput', { ...given, label: `warm-${label}-${count}-${at}`, flows: 1_000 }),
        ),
      );
      const before = await server.snapshot();
      const started = performance.now();
      const had = await Promise.all(
        running.map((one, at) =>
          one.ask('throughput', { ...given, label: `grow-${label}-${count}-${at}`, flows }),
        ),
      );
      const seconds = (performance.now() - started) / 1_000;
      const after = await server.snapshot();
      const cpuUs = after.cpuUs - before.cpuUs + had.reduce((sum, one) => sum + one.cpuUs, 0);
      samples.push(
        sample('CPU of all for the flows of all', 's', count, cpuUs / 1e6),
        sample('flows a second of all', '/s', count, (flows * count) / seconds),
      );
    }
  } finally {
    await Promise.all(running.map((one) => one.stop()));
    await server.empty();
  }
  return samples;
}

/** Ever larger payloads. */
async function payloads(entry: Entry, { server, quick, label }: Context): Promise<Sample[]> {
  if (entry.pollMs !== undefined) return []; // the same
  const samples: Sample[] = [];
  const running = await Running.start(entry, server.url, 'both');
  try {
    const given = { inFlight: 4, ms: quick ? 300 : 1_500 };
    await running.ask('throughput', { ...given, label: `warm-${label}`, bytes: 100 });
    for (const bytes of PAYLOADS) {
      const had = await running.ask('throughput', { ...given, label: `large-${label}-${bytes}`, bytes });
      samples.push(
        sampleOf(entry)('time of a flow, 4 in flight', 'ms', bytes, (had.ms * given.inFlight) / had.flows),
      );
      await server.empty();
    }
  } finally {
    await running.stop();
    await server.empty();
  }
  return samples;
}
