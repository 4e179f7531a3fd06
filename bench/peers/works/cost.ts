import type { Entry } from '../entries.js';
import { Running } from '../running.js';
import { BYTES, inTurn, type Context, type Sample } from './context.js';

const SENT = { 1: 300, 256: 2_560 } as const;
const MANY = { 1: 2_000, 256: 25_600 } as const;

/** Commands, bytes, CPU, memory and connections. */
export const cost = inTurn(async (entry, context) => [
  ...(await flowing(entry, context)),
  ...(await waiting(entry, context)),
]);

const sampleOf =
  (entry: Entry) =>
  (figure: string, unit: string, value: number, at?: number): Sample => ({
    work: 'cost',
    contender: entry.name,
    figure,
    unit,
    value,
    ...(at === undefined ? {} : { at }),
  });

async function flowing(entry: Entry, { server, quick, label }: Context): Promise<Sample[]> {
  const sample = sampleOf(entry);
  const samples: Sample[] = [];
  const none = await server.snapshot();
  const running = await Running.start(entry, server.url, 'both');
  try {
    const polls = entry.pollMs !== undefined;
    const play = (name: string, inFlight: number, flows: number) =>
      running.ask('throughput', { label: `${name}-${label}-${inFlight}`, inFlight, flows, bytes: BYTES });
    await play('warm', 16, polls ? 16 : 500);
    samples.push(sample('connections a process', '', (await server.snapshot()).clients - none.clients));
    for (const inFlight of [1, 256] as const) {
      const few = polls ? Math.max(inFlight, 16) : SENT[inFlight];
      const sent = await server.sentDuring(() => play('few', polls ? few : inFlight, few));
      const commands = Object.values(sent).reduce((sum, count) => sum + count, 0);
      const many = polls ? few : MANY[inFlight] / (quick ? 5 : 1);
      const before = await server.snapshot();
      const had = await play('many', polls ? few : inFlight, many);
      const after = await server.snapshot();
      samples.push(
        sample('commands a flow', '', commands / few, inFlight),
        sample('bytes a flow', 'B', (after.bytes - before.bytes) / many, inFlight),
        sample('server CPU a flow', 'us', (after.cpuUs - before.cpuUs) / many, inFlight),
        sample('client CPU a flow', 'us', had.cpuUs / many, inFlight),
      );
    }
    return samples;
  } finally {
    await running.stop();
    await server.empty();
  }
}

async function waiting(entry: Entry, { server, quick, label }: Context): Promise<Sample[]> {
  const sample = sampleOf(entry);
  const waiter = await Running.start(entry, server.url, 'waiter');
  try {
    const count = quick ? 2_000 : 10_000;
    const before = await server.snapshot();
    const held = await waiter.ask('hold', { label: `held-${label}`, count });
    const after = await server.snapshot();
    return [
      sample('Redis memory of a flow waited for', 'B', (after.memory - before.memory) / count),
      sample('heap of a waiter', 'B', held.heap / count),
    ];
  } finally {
    await waiter.stop();
  }
}
