import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../helpers/until.js';
import { figure } from './support/figure.js';
import { Fleet } from './support/fleet.js';
import type { Tally } from './support/crowd.js';
import type { Replica } from './support/replica.js';

const FLOWS = 5_000;
const EVERY_MS = 50;

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start();
});
afterAll(() => fleet.stop());

/** Kills whoever listens, by client id. */
async function kill(): Promise<number> {
  const ids = (await fleet.listeners()).map((line) => /^id=(\d+) /.exec(line)![1]!);
  const killed = await Promise.all(ids.map((id) => fleet.redis.call('CLIENT', 'KILL', 'ID', id)));
  return killed.reduce<number>((sum, one) => sum + Number(one), 0);
}

/** Kills whoever listens, in both ways, until `over`. Resolves with how many connections that were. */
async function killListeners(over: AbortSignal): Promise<number> {
  let killed = 0;
  while (!over.aborted) {
    killed += Number(await fleet.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
    killed += await kill();
    await delay(EVERY_MS);
  }
  return killed;
}

it('an end between a lost connection and the next is found without any poll', async () => {
  const [waiter, settler] = (await fleet.replicas(2, { broker: { pollMs: 600_000 } })) as [Replica, Replica];
  await waiter.open('stays');
  for (let round = 0; round < 10; round++) {
    const { ended } = await waiter.open(`gap-${round}`);
    await until(
      'its subscription',
      async () => (await fleet.redis.pubsub('CHANNELS', 'flow:{*')).length === 2,
    );
    const { polls, reconnects } = await waiter.stats();
    await kill();
    // The one poll that a lost connection causes is over before the flow ends.
    await until('that poll', async () => (await waiter.stats()).polls > polls);
    await settler.complete(`gap-${round}`, round);
    expect(await ended).toMatchObject({ value: round });
    await until('the next connection', async () => (await waiter.stats()).reconnects > reconnects);
    await until('a heartbeat heard', async () => (await waiter.stats()).listening);
  }
});

it.each([6, 5] as const)(
  'every waiter gets the right answer while listeners are killed all the time, on ioredis %i',
  async (ioredis) => {
    const config = { ioredis, broker: { pollMs: 100 } };
    const [one, two, third, fourth] = (await fleet.replicas(4, config)) as [
      Replica,
      Replica,
      Replica,
      Replica,
    ];
    const over = new AbortController();
    const killing = killListeners(over.signal);
    const started = performance.now();
    const tallies = await Promise.all([
      one.call<Tally>('crowd', 'openAndTell', 'one', FLOWS / 2, 'opened'),
      two.call<Tally>('crowd', 'openAndTell', 'two', FLOWS / 2, 'opened'),
      third.call<Tally>('crowd', 'work', 'wait', FLOWS, 'opened', 'waited'),
      fourth.call<Tally>('crowd', 'work', 'complete', FLOWS, 'waited'),
    ]);
    const seconds = (performance.now() - started) / 1_000;
    over.abort();
    const killed = await killing;
    const sum = (count: (tally: Tally) => number): number =>
      tallies.reduce((all, tally) => all + count(tally), 0);
    expect(tallies.map(({ codes }) => codes)).toEqual([{}, {}, {}, {}]);
    expect(sum(({ wrong }) => wrong)).toBe(0);
    expect(sum(({ right }) => right)).toBe(FLOWS * 2);
    const stats = await Promise.all([one, two, third].map((replica) => replica.stats()));
    for (const { waiters, watches } of stats) expect([waiters, watches]).toEqual([0, 0]);
    const reconnects = stats.reduce((all, stat) => all + stat.reconnects, 0);
    expect(reconnects).toBeGreaterThan(0);
    figure(
      `${FLOWS} flows, ${FLOWS * 2} waits on ioredis ${ioredis}: ${seconds.toFixed(1)} s, ${killed} listeners killed, ${reconnects} reconnects`,
    );
    for (const replica of [one, two, third, fourth]) expect(await replica.leave()).toBe(0);
  },
  60_000,
);
