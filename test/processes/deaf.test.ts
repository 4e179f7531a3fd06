import { isDeepStrictEqual } from 'node:util';
import { Redis } from 'ioredis';
import { until } from '../helpers/until.js';
import { Fleet } from './support/fleet.js';
import { Proxy } from './support/proxy.js';
import type { ReplicaConfig } from './support/protocol.js';
import type { Replica } from './support/replica.js';

const QUICK = { pollMs: 50, heartbeatMs: 100 };
const REFUSES = 'the server refuses to subscribe';
const DEAF = 'wake-ups do not arrive: polling until they do';
const MISSED = 'endings were found by reading that no wake-up had told of';

let fleet: Fleet;
let settler: Replica;
let waiter: Replica;
let ids = 0;
let id: string;
beforeAll(async () => {
  fleet = await Fleet.start({ args: ['--notify-keyspace-events', 'Kx'] });
  [settler] = (await fleet.replicas(1)) as [Replica];
});
beforeEach(() => {
  id = `deaf-${++ids}`;
});
afterEach(() => waiter.kill());
afterAll(() => fleet.stop());

async function start(config: Partial<ReplicaConfig>): Promise<void> {
  [waiter] = (await fleet.replicas(1, { ...config, broker: { ...QUICK, ...config.broker } })) as [Replica];
}

const hears = (listening: boolean): Promise<void> =>
  until(`listening ${listening}`, async () => (await waiter.stats()).listening === listening);

/** Wake-ups are known to arrive. */
async function hearsWell(): Promise<void> {
  await until('a wake-up', async () => {
    const flow = `${id}-first-${++ids}`;
    const { ended } = await waiter.open(flow);
    await settler.complete(flow, 1);
    await ended;
    return (await waiter.stats()).wakes > 0;
  });
  await hears(true);
}

/** A flow that lasts keeps the broker testing its wake path. */
async function waitsOn(): Promise<void> {
  await waiter.open(`${id}-lasts`);
}

/** Flows end right though nobody tells of it, and that is counted and logged. */
async function endsByPolling(): Promise<void> {
  const { missedWakes } = await waiter.stats();
  const opened = await Promise.all([1, 2, 3].map((n) => waiter.open(`${id}-${n}-${missedWakes}`)));
  for (const n of [1, 2, 3]) await settler.complete(`${id}-${n}-${missedWakes}`, n);
  for (const [at, { ended }] of opened.entries()) expect(await ended).toMatchObject({ value: at + 1 });
  expect((await waiter.stats()).missedWakes).toBe(missedWakes + 3);
  await waiter.next('logged', { level: 'warn', text: MISSED });
}

/** Heartbeats that this broker publishes from now on: its clock, and ours. */
async function heartbeats(count: number): Promise<void> {
  const listener = new Redis(fleet.server.url);
  await listener.psubscribe('flow:heartbeat:*');
  let heard = 0;
  listener.on('pmessage', () => heard++);
  await until('heartbeats', () => heard >= count);
  listener.disconnect();
}

/** Nothing is polled any more, over ten polls' time, and wakes arrive. A late heartbeat of a busy machine only delays it. */
async function quiet(): Promise<void> {
  await until('ten polls without a poll', async () => {
    await hears(true);
    const { polls, wakes, missedWakes } = await waiter.stats();
    await heartbeats(5);
    for (const n of [1, 2, 3]) {
      const flow = `${id}-quiet-${n}-${++ids}`;
      const { ended } = await waiter.open(flow);
      await settler.complete(flow, n);
      expect(await ended).toMatchObject({ value: n });
    }
    const now = await waiter.stats();
    return isDeepStrictEqual([now.polls, now.wakes, now.missedWakes], [polls, wakes + 3, missedWakes]);
  });
}

describe('a user that may not subscribe', () => {
  const USER = 'quiet';

  async function as(...rules: readonly string[]): Promise<void> {
    await fleet.redis.call('ACL', 'SETUSER', USER, 'reset', 'on', '>secret', '~*', '+@all', ...rules);
  }

  const url = (): string => fleet.server.url.replace('//', `//${USER}:secret@`);

  it.each([6, 5] as const)(
    'ends right by polling, and waits quietly once it may (ioredis %i)',
    async (ioredis) => {
      await as('resetchannels');
      await start({ url: url(), ioredis });
      await waitsOn();
      await waiter.next('logged', { text: REFUSES });
      await hears(false);
      await endsByPolling();
      await as('allchannels');
      await quiet();
    },
  );

  it('to flows, but to heartbeats: knows that it is deaf all the same', async () => {
    await as('resetchannels', '&flow:heartbeat:*');
    await start({ url: url() });
    await waitsOn();
    await waiter.next('logged', { text: REFUSES });
    await endsByPolling();
    await hears(false);
    await as('allchannels');
    await quiet();
  });

  it('to keyspace events alone: does without them, and quietly', async () => {
    await as('resetchannels', '&flow:*');
    await fleet.redis.acl('LOG', 'RESET');
    await start({ url: url() });
    await waitsOn();
    // After a second each wait asks for the hints too, which is refused.
    await until('the refusal', async () => {
      return JSON.stringify(await fleet.redis.acl('LOG')).includes('__keyspace@');
    });
    await waiter.open(`${id}-beside`);
    await quiet();
    for (const line of await fleet.listeners())
      await fleet.redis.call('CLIENT', 'KILL', 'ID', /^id=(\d+) /.exec(line)![1]!);
    await until('the reconnect', async () => (await waiter.stats()).reconnects > 0);
    await quiet();
  });

  it('nor to publish: settles all the same, and others find it', async () => {
    await as('resetchannels');
    await start({ url: url() });
    const { ended } = await waiter.open(id);
    expect(await waiter.complete(id, 'mine')).toMatchObject({ verdict: 'applied' });
    expect(await ended).toMatchObject({ value: 'mine' });
    const timed = await waiter.open(`${id}-timed`, { timeoutMs: 50 });
    expect(await timed.ended).toMatchObject({ code: 'ERR_FLOW_TIMED_OUT' });
  });
});

describe('a network', () => {
  let proxy: Proxy;
  beforeEach(async () => {
    proxy = await Proxy.start(fleet.server.port);
  });
  afterEach(() => proxy.stop());

  it.each([6, 5] as const)(
    'that loses messages is noticed, lived with, and trusted again (ioredis %i)',
    async (ioredis) => {
      await start({ url: proxy.url, ioredis });
      await waitsOn();
      await hearsWell();
      proxy.swallowing = true;
      await waiter.next('logged', { text: DEAF });
      await hears(false);
      await endsByPolling();
      expect(proxy.swallowed).toBeGreaterThan(0);
      proxy.swallowing = false;
      await quiet();
    },
  );

  it('that loses messages from the first is noticed as well', async () => {
    proxy.swallowing = true;
    await start({ url: proxy.url });
    await waitsOn();
    await waiter.next('logged', { text: DEAF });
    await hears(false);
    await endsByPolling();
    proxy.swallowing = false;
    await quiet();
  });

  it('that loses a message between two heartbeats is found out by the next look', async () => {
    // Polls are far apart here: whoever was missed must be found when the messages come again, or waits for very long.
    await start({ url: proxy.url, broker: { pollMs: 400, heartbeatMs: 100 } });
    await waitsOn();
    for (let round = 1; round <= 5; round++) {
      await hearsWell();
      proxy.swallowing = true;
      await hears(false);
      const { ended } = await waiter.open(`${id}-${round}`);
      const { polls } = await waiter.stats();
      await until('a poll', async () => (await waiter.stats()).polls > polls);
      const { swallowed } = proxy;
      await settler.complete(`${id}-${round}`, round);
      await until('the loss', () => proxy.swallowed > swallowed);
      proxy.swallowing = false;
      expect(await ended).toMatchObject({ value: round });
    }
  });

  it('that falls silent both ways is given up, and everything ends right over a new connection', async () => {
    await start({ url: proxy.url, broker: { commandTimeoutMs: 500 } });
    await waitsOn();
    const { ended } = await waiter.open(id);
    await hearsWell();
    proxy.freeze();
    await waiter.next('logged', { text: DEAF });
    await hears(false);
    await settler.complete(id, 'unheard');
    expect(await waiter.call('get', id).catch((error: unknown) => String(error))).toContain(
      'ERR_FLOW_UNAVAILABLE',
    );
    expect(await ended).toMatchObject({ value: 'unheard' });
    await quiet();
  }, 60_000);

  it('that falls silent for a while delivers late, and nothing is lost', async () => {
    await start({ url: proxy.url });
    await waitsOn();
    const { ended } = await waiter.open(id);
    await hearsWell();
    proxy.freeze();
    await hears(false);
    await settler.complete(id, 'late');
    proxy.thaw();
    expect(await ended).toMatchObject({ value: 'late' });
    await quiet();
  });
});
