import { Redis } from 'ioredis';
import { startSentinel, type RedisSentinel } from '../../scripts/redis/index.js';
import { createBroker, type Broker, type BrokerOptions } from '../../src/index.js';
import { failureOf } from '../helpers/errors.js';
import { until } from '../helpers/until.js';
import { nothingOn } from './support/cluster-bed.js';
import { crowd } from './support/crowd.js';

const COUNT = 2_000;
let group: RedisSentinel;
let ids = 0;
const id = (): string => `id-${String(++ids)}`;
const brokers: Broker[] = [];

beforeAll(async () => {
  group = await startSentinel();
});
afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.close()));
  for (const server of group.servers) {
    if (server.frozen) await server.resume();
    if (!server.running) await server.restart();
  }
  await group.healthy();
  await Promise.all(group.servers.map(({ port }) => nothingOn(port, group.watchers.length)));
});
afterAll(() => group.stop());

function broker(options: Partial<BrokerOptions> = {}): Broker {
  const redis = { sentinels: group.sentinels, name: group.name };
  const made = createBroker({ redis, commandTimeoutMs: 20_000, heartbeatMs: 1_000, ...options });
  brokers.push(made);
  return made;
}

async function everything(here: Broker, there: Broker): Promise<void> {
  const [one, other] = [here.define<string>('s'), there.define<string>('s')];
  const waits = await crowd(one, other, 50, id);
  expect(await waits.settle()).toBe(50);
  expect(await waits.ends()).toEqual({ ok: 100 });
  const late = await one.open(id(), { timeoutMs: 20 });
  await failureOf(late.outcome, 'ERR_FLOW_TIMED_OUT');
  expect(here.stats().missedWakes + there.stats().missedWakes).toBe(0);
}

describe('a broker under Sentinel works', () => {
  it('over Sentinels and a name', async () => {
    await everything(broker(), broker());
  });

  it('over RESP2', async () => {
    const redis = { sentinels: group.sentinels, name: group.name, protocol: 2 as const };
    await everything(broker({ redis }), broker({ redis }));
  });

  it('over a Redis of the caller’s, which stays as it was', async () => {
    const borrowed = new Redis({ sentinels: group.sentinels, name: group.name });
    await borrowed.ping();
    const events = ['ready', 'end', 'error', 'close'];
    const before = events.map((event) => borrowed.listenerCount(event));
    const [one, other] = [broker({ redis: borrowed }), broker({ redis: borrowed })];
    await everything(one, other);
    await Promise.all([one.close(), other.close()]);
    expect(events.map((event) => borrowed.listenerCount(event))).toEqual(before);
    expect(await borrowed.ping()).toBe('PONG');
    borrowed.disconnect();
  });
});

describe.each([
  ['failed over by SENTINEL FAILOVER', () => group.failover(), false],
  [
    'killed with -9',
    async () => {
      const before = await group.master();
      await before.kill();
      return group.replaced(before);
    },
    false,
  ],
  [
    'stopped, and never closes a connection',
    async () => {
      const before = await group.master();
      await before.pause();
      return group.replaced(before);
    },
    false,
  ],
  [
    'stopped, under a Redis of the caller’s that does not look for failovers',
    async () => {
      const before = await group.master();
      await before.pause();
      return group.replaced(before);
    },
    true,
  ],
] as const)('a master that is %s', (_how, replace, borrow) => {
  it('loses no wait and no call', async () => {
    const borrowed = borrow
      ? [0, 1].map(() => new Redis({ sentinels: group.sentinels, name: group.name }))
      : [];
    for (const redis of borrowed) redis.on('error', () => undefined);
    const pair = [0, 1].map((at) => broker(borrow ? { redis: borrowed[at]! } : {})) as [Broker, Broker];
    const waits = await crowd(pair[0].define('f'), pair[1].define('f'), COUNT, id);
    await until('all to listen', () => pair.every((one) => one.stats().listening));
    await group.healthy();
    const replaced = replace();
    const first = waits.settle((at) => at % 2 === 0);
    await replaced;
    expect(await first).toBe(COUNT / 2);
    expect(await waits.settle((at) => at % 2 === 1)).toBe(COUNT / 2);
    expect(await waits.ends()).toEqual({ ok: COUNT * 2 });
    for (const redis of borrowed) redis.disconnect();
  });
});
