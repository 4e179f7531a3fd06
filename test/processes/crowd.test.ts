import { until } from '../helpers/until.js';
import type { Tally } from './support/crowd.js';
import { figure } from './support/figure.js';
import { Fleet } from './support/fleet.js';
import { Proxy } from './support/proxy.js';
import type { Replica } from './support/replica.js';

const WAITERS = 10_000;
const WOKEN = 1_000;

let fleet: Fleet;
let proxy: Proxy;
let settler: Replica;
let waiter: Replica;
let ofSettler: readonly string[] = [];
beforeAll(async () => {
  fleet = await Fleet.start();
  proxy = await Proxy.start(fleet.server.port);
  [settler] = (await fleet.replicas(1)) as [Replica];
  await settler.call('get', 'anything'); // it is connected
  await settler.complete('nothing', 'nothing');
  await until('it to listen on its own channel, as who settles does', async () => {
    ofSettler = (await fleet.redis.pubsub('CHANNELS')) as string[];
    return ofSettler.length === 1;
  });
});
afterEach(() => waiter.kill());
afterAll(async () => {
  await proxy.stop();
  await fleet.stop();
});

async function clients(): Promise<string[]> {
  const list = (await fleet.redis.client('LIST')) as string;
  return list
    .trim()
    .split('\n')
    .map((line) => /laddr=\S+ .*name=(\S*)/.exec(line)![1]!);
}

const channels = async (): Promise<string[]> =>
  ((await fleet.redis.pubsub('CHANNELS')) as string[]).filter((channel) => !ofSettler.includes(channel));

/** The server sees a process go a moment after it went. */
const backTo = (before: number): Promise<void> =>
  until('no client and no channel more than before', async () => {
    const [now, subscribed] = await Promise.all([clients(), channels()]);
    return now.length === before && subscribed.length === 0;
  });

it('wakes 1,000 of 10,000 that were settled while the connection was cut, and leaves the rest waiting', async () => {
  const before = (await clients()).length;
  [waiter] = (await fleet.replicas(1, { url: proxy.url })) as [Replica];
  await waiter.call('crowd', 'open', 'flow', 0, WAITERS, {});
  await until('all subscriptions', async () => (await channels()).length === WAITERS + 1);
  await waiter.call('listen', 'flowbroker:reconnect');

  await proxy.cut();
  await until('the server to see it', async () => (await channels()).length === 0);
  await settler.call('crowd', 'complete', 'flow', 0, WOKEN);
  expect(await waiter.call('crowd', 'tally')).toMatchObject({ ended: 0 });
  await proxy.mend();

  const { at } = await waiter.next('told', { channel: 'flowbroker:reconnect' });
  const woken = await waiter.call<Tally>('crowd', 'until', WOKEN);
  expect(woken).toMatchObject({ ended: WOKEN, right: WOKEN });
  figure(`${WOKEN} of ${WAITERS} woke ${woken.lastAt - at} ms after the connection was back (aim: 1000)`);

  await until('all subscriptions again', async () => (await channels()).length === WAITERS - WOKEN + 1);
  expect(await waiter.stats()).toMatchObject({ waiters: WAITERS - WOKEN, watches: WAITERS - WOKEN });
  await settler.call('crowd', 'complete', 'flow', WOKEN, WAITERS);
  const all = await waiter.call<Tally>('crowd', 'until', WAITERS);
  expect(all).toMatchObject({ ended: WAITERS, right: WAITERS, wrong: 0, codes: {} });

  expect(await waiter.stats()).toMatchObject({ waiters: 0, watches: 0, listening: true });
  await until('the last subscription but for the heartbeat', async () => (await channels()).length === 1);
  expect(await waiter.leave()).toBe(0);
  await backTo(before);
}, 60_000);

it('tells thousands of waiters with one deadline that it passed, though the server takes long to answer them all', async () => {
  [waiter] = (await fleet.replicas(1)) as [Replica];
  const [count, timeoutMs] = [WAITERS, 5_000];
  await waiter.call('crowd', 'open', 'due', 0, count, { timeoutMs });
  await waiter.call('crowd', 'wait', 'due', 0, count, Date.now() + timeoutMs);
  const over = new AbortController();
  const busy = (async () => {
    while (!over.signal.aborted) await fleet.redis.eval('for i = 1, 5000000 do end', 0);
  })();
  const all = await waiter.call<Tally>('crowd', 'until', count * 2);
  over.abort();
  await busy;
  expect(all.codes).toEqual({ ERR_FLOW_TIMED_OUT: count * 2 });
  figure(
    `${count} flows with about one deadline, a slow server: the last waiter knew ${all.lateMs} ms after its own`,
  );
  expect(await waiter.leave()).toBe(0);
}, 60_000);

it('is left by a process that closes with 10,000 waiters, and nothing of them stays', async () => {
  const before = (await clients()).length;
  [waiter] = (await fleet.replicas(1)) as [Replica];
  await waiter.call('crowd', 'open', 'left', 0, WAITERS, {});
  await waiter.call('close');
  expect(await waiter.call('crowd', 'until', WAITERS)).toMatchObject({ codes: { ERR_FLOW_CLOSED: WAITERS } });
  await waiter.call('leave');
  expect(await waiter.exited).toEqual([0, null]);
  await backTo(before);
  // The flows go on without it.
  expect(await settler.complete('left-0', 'left-0')).toMatchObject({ verdict: 'applied' });
}, 60_000);
