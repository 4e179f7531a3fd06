import { Redis } from 'ioredis';
import type { Flows } from '../../src/index.js';
import { setup } from '../helpers/setup.js';
import { until } from '../helpers/until.js';
import committed from './costs.json';

// What a flow costs in things that neither a busy machine nor a slow one moves: a bench that measures time would take a small change for
// noise. What got worse fails; what got better is to be committed to costs.json.
const bed = setup();
const FLOWS = 512;
const PENDING = 4_096;
const PAYLOAD = { token: 'x'.repeat(238) };
// On RESP3 a SUBSCRIBE goes with each two batches that it listens for, on RESP2 one for all of the tick.
const protocol = 'protocol' in new Redis({ lazyConnect: true }).options ? 'RESP3' : 'RESP2';
const SENT = /^cmdstat_(?:evalsha|eval|subscribe):calls=(\d+)/gm; // what is no longer waited for is left by the clock

function expectCost(cost: keyof typeof committed, measured: number): void {
  // Other servers than Redis 7.0 may keep a flow in less.
  const { value, within, orLess } = { orLess: false, ...committed[cost] };
  const [least, most] = [orLess ? 0 : value * (1 - within), value * (1 + within)];
  if (measured >= least && measured <= most) return;
  throw new Error(
    `${cost}: ${measured.toFixed(3)}; ${String(value)} is committed, which allows ${least.toFixed(3)} to ${most.toFixed(3)}`,
  );
}

const numberIn = (info: string, name: string): number =>
  Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);

async function commandsSent(admin: Redis): Promise<number> {
  const stats = await admin.info('commandstats');
  return [...stats.matchAll(SENT)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

/** Bytes in both directions, but for those of the connection that asks. */
async function bytesOnTheWire(admin: Redis): Promise<number> {
  const { stream } = admin as Redis & { stream: { bytesRead: number; bytesWritten: number } };
  const read = stream.bytesRead;
  const stats = await admin.info('stats');
  // The server has counted this question, and not yet its answer.
  const all = numberIn(stats, 'total_net_input_bytes') + numberIn(stats, 'total_net_output_bytes');
  return all - read - stream.bytesWritten;
}

const idOf = (label: string, at: number): string => `${label}-${String(at).padStart(5, '0')}`;

type Play = (flows: Flows<typeof PAYLOAD>, label: string) => Promise<void>;

const alone: Play = async (flows, label) => {
  for (let at = 0; at < FLOWS; at++) {
    const { outcome } = await flows.open(idOf(label, at));
    await flows.complete(idOf(label, at), PAYLOAD);
    await outcome;
  }
};

const together: Play = async (flows, label) => {
  const ids = Array.from({ length: FLOWS }, (_none, at) => idOf(label, at));
  const opened = await Promise.all(ids.map((id) => flows.open(id)));
  await Promise.all(ids.map((id) => flows.complete(id, PAYLOAD)));
  await Promise.all(opened.map(({ outcome }) => outcome));
};

it.each([
  ['alone', alone],
  [`together, ${protocol}`, together],
] as const)('sends as many commands and bytes a flow as committed, %s', async (way, play) => {
  const flows = bed.broker({ heartbeatMs: 3_600_000 }).define<typeof PAYLOAD>('costs');
  const left = (): Promise<void> =>
    until('no subscription but the heartbeat’s', async () => {
      const channels = (await bed.admin.pubsub('CHANNELS')) as string[];
      return channels.length === 1;
    });
  await play(flows, 'a'); // loads the scripts, and sends the only beat
  await left();
  const [commands, bytes] = [await commandsSent(bed.admin), await bytesOnTheWire(bed.admin)];
  await play(flows, 'b');
  await left();
  expectCost(`commands, ${way}`, ((await commandsSent(bed.admin)) - commands) / FLOWS);
  expectCost(`bytes, ${way}`, ((await bytesOnTheWire(bed.admin)) - bytes) / FLOWS);
});

it('takes as much memory of Redis for a pending flow as committed', async () => {
  const flows = bed.broker().define('costs');
  await flows.create('warm');
  await bed.admin.flushall();
  const used = async (): Promise<number> => numberIn(await bed.admin.info('memory'), 'used_memory');
  const before = await used();
  const ids = Array.from({ length: PENDING }, (_none, at) => idOf('pending', at));
  await Promise.all(ids.map((id) => flows.create(id, { metadata: {} })));
  expectCost('memory', ((await used()) - before) / PENDING);
});
