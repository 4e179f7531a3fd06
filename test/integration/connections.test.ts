import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { createBroker, type Broker, type Flows } from '../../src/index.js';
import { failureOf } from '../helpers/errors.js';
import { resp3 } from '../helpers/resp3.js';
import { clientsOf, setup } from '../helpers/setup.js';
import { until } from '../helpers/until.js';

const bed = setup();

/** What both paths must do: create, wait, wake, run, time out. */
async function everything(here: Broker, there: Broker): Promise<void> {
  const [one, other] = [here.define<number>('c'), there.define<number>('c')];
  const ids = Array.from({ length: 20 }, () => bed.id());
  const opened = await Promise.all(ids.map((id) => one.open(id)));
  await Promise.all(ids.map((id, at) => other.complete(id, at)));
  expect(await Promise.all(opened.map(({ outcome }) => outcome))).toEqual(ids.map((_id, at) => at));
  const id = bed.id();
  const results = await Promise.all([one.run(id, () => 1), other.run(id, () => 1), one.run(id, () => 1)]);
  expect(results).toEqual([1, 1, 1]);
  const late = await one.open(bed.id(), { timeoutMs: 20 });
  await failureOf(late.outcome, 'ERR_FLOW_TIMED_OUT');
  expect(here.stats().missedWakes + there.stats().missedWakes).toBe(0);
}

describe('a broker works', () => {
  it('over a URL', async () => {
    await everything(bed.broker({ redis: bed.url }), bed.broker({ redis: `${bed.url}/0` }));
  });

  it('over ioredis options', async () => {
    const { port } = bed.server;
    await everything(bed.broker({ redis: { port } }), bed.broker({ redis: { port, host: '127.0.0.1' } }));
  });

  it('over an instance that pipelines by itself, and one of another copy of ioredis', async () => {
    const pipelining = bed.client({ enableAutoPipelining: true });
    const other = new Redis5(bed.url) as unknown as Redis;
    await everything(bed.broker({ redis: pipelining }), bed.broker({ redis: other }));
    other.disconnect();
  });

  it('over RESP2', async () => {
    const redis = { port: bed.server.port, protocol: 2 as const };
    await everything(bed.broker({ redis }), bed.broker({ redis }));
  });

  it('over an instance of the caller’s, lazy or connected', async () => {
    const [lazy, eager] = [bed.client({ lazyConnect: true }), bed.client()];
    await eager.ping();
    expect(lazy.status).toBe('wait');
    await everything(bed.broker({ redis: lazy }), bed.broker({ redis: eager }));
    expect(lazy.status).toBe('ready');
  });

  it('over one instance shared with another broker', async () => {
    const shared = bed.client();
    await everything(bed.broker({ redis: shared }), bed.broker({ redis: shared }));
  });

  it('over an instance without an offline queue, before it is connected', async () => {
    await everything(bed.broker({ redis: bed.client({ enableOfflineQueue: false }) }), bed.broker());
  });
});

describe('a borrowed instance', () => {
  it('is never put into subscriber mode, nor closed, and keeps no listener of the broker', async () => {
    const borrowed = bed.client();
    await borrowed.ping();
    const events = ['ready', 'end', 'error', 'close', 'message', 'messageBuffer'] as const;
    const listeners = () => events.map((event) => borrowed.listenerCount(event));
    const before = listeners();
    const broker = createBroker({ redis: borrowed });
    const flows = broker.define<number>('b');
    const { outcome } = await flows.open('a');
    expect(borrowed.mode).toBe('normal');
    expect(await borrowed.set('mine', '1')).toBe('OK');
    await flows.complete('a', 1);
    expect(await outcome).toBe(1);
    await broker.close();
    expect(listeners()).toEqual(before);
    expect(borrowed.status).toBe('ready');
    expect(await borrowed.get('mine')).toBe('1');
    await until('only the two of the test are left', async () => (await clientsOf(bed.admin)).length === 2);
  });

  it('may be in the middle of other work', async () => {
    const borrowed = bed.client();
    const flows = bed.broker({ redis: borrowed }).define<number>('b2');
    const work = Promise.all(Array.from({ length: 500 }, (_none, at) => borrowed.incr(`n${String(at % 5)}`)));
    const { outcome } = await flows.open('a');
    await flows.complete('a', 1);
    expect(await outcome).toBe(1);
    expect(await work).toHaveLength(500);
  });

  it('that the caller has closed is ERR_FLOW_UNAVAILABLE, at once', async () => {
    const borrowed = new Redis(bed.url);
    await borrowed.ping();
    const broker = bed.broker({ redis: borrowed, commandTimeoutMs: 600_000 });
    borrowed.disconnect();
    await until('it has ended', () => borrowed.status === 'end');
    await failureOf(broker.define('b3').create('a'), 'ERR_FLOW_UNAVAILABLE');
  });
});

it.each([
  ['wait', (flows: Flows<number>) => flows.wait('a')],
  ...(resp3 ? ([['settlement', (flows: Flows<number>) => flows.complete('a', 2)]] as const) : []),
] as const)('opens its second connection with the first %s, and none before', async (_what, first) => {
  const other = bed.broker().define<number>('lazy');
  const { outcome } = await other.open('a');
  await other.complete('a', 1);
  await outcome;
  const before = (await clientsOf(bed.admin)).length;
  const broker = bed.broker();
  const flows = broker.define<number>('lazy');
  await flows.create('a');
  await flows.get('a');
  expect(await flows.run('a', () => 2)).toBe(1);
  expect((await clientsOf(bed.admin)).length).toBe(before + 1);
  await first(flows);
  await until('it listens', async () => (await clientsOf(bed.admin)).length === before + 2);
});

it('loads its scripts again where the server forgot them', async () => {
  const flows = bed.broker().define<number>('noscript');
  const { outcome } = await flows.open('a');
  await bed.admin.script('FLUSH');
  expect((await flows.complete('a', 1)).verdict).toBe('applied');
  expect(await outcome).toBe(1);
  await bed.admin.script('FLUSH');
  expect(await flows.run('b', () => 2)).toBe(2);
});
