import { setup } from '../helpers/setup.js';
import { until } from '../helpers/until.js';

const bed = setup();
const range = (count: number) => Array.from({ length: count }, (_none, at) => at);

it('loses none of hundreds of flows that two brokers open and complete at once', async () => {
  const here = bed.broker().define<number>('many');
  const there = bed.broker().define<number>('many');
  const results = await Promise.all(
    range(600).map(async (at) => {
      const id = `flow-${String(at)}`;
      const [one, other] = await Promise.all([here.open(id), there.open(id)]);
      expect([one.verdict, other.verdict].sort()).toEqual(['created', 'joined']);
      const [settled, again] = await Promise.all([
        (at % 2 ? here : there).complete(id, at),
        (at % 2 ? there : here).complete(id, at),
      ]);
      expect([settled.verdict, again.verdict].sort()).toEqual(['already_settled', 'applied']);
      return Promise.all([one.outcome, other.outcome]);
    }),
  );
  expect(results).toEqual(range(600).map((at) => [at, at]));
});

it('creates once and settles once, however many try at the same time', async () => {
  const brokers = [bed.broker(), bed.broker()].map((broker) => broker.define<number>('race'));
  for (const id of ['a', 'b', 'c']) {
    const created = await Promise.all(range(100).map((at) => brokers[at % 2]!.create(id)));
    expect(created.filter(({ verdict }) => verdict === 'created')).toHaveLength(1);
    expect(new Set(created.map(({ record }) => record.fence)).size).toBe(1);
    const settled = await Promise.all(range(100).map((at) => brokers[at % 2]!.complete(id, at)));
    expect(settled.filter(({ verdict }) => verdict === 'applied')).toHaveLength(1);
    expect(new Set(settled.map(({ record }) => record?.result)).size).toBe(1);
  }
});

it('wakes 1,000 waiters of one flow by one message', async () => {
  const broker = bed.broker();
  const flows = broker.define<string>('one');
  await flows.create('a');
  const waits = range(1_000).map(() => flows.wait('a'));
  await until('all wait, on one channel and that of the heartbeat', () => {
    const { waiters, watches, subscriptions } = broker.stats();
    return waiters === 1_000 && watches === 1 && subscriptions === 2;
  });
  await bed.broker().define<string>('one').complete('a', 'x');
  expect(new Set(await Promise.all(waits))).toEqual(new Set(['x']));
  expect(broker.stats()).toMatchObject({ waiters: 0, watches: 0, missedWakes: 0 });
});

it('wakes the waiters of 1,000 flows, each by its own', async () => {
  const broker = bed.broker();
  const flows = broker.define<number>('each');
  const opened = await Promise.all(range(1_000).map((at) => flows.open(String(at))));
  expect(broker.stats()).toMatchObject({ waiters: 1_000, watches: 1_000 });
  const other = bed.broker().define<number>('each');
  await Promise.all(range(1_000).map((at) => other.complete(String(at), at)));
  expect(await Promise.all(opened.map(({ outcome }) => outcome))).toEqual(range(1_000));
  expect(broker.stats()).toMatchObject({ waiters: 0, watches: 0, missedWakes: 0 });
  await until(
    'the channels are left',
    async () => (await bed.admin.pubsub('CHANNELS', 'flow:{*')).length === 0,
  );
});

it('keeps a channel while anybody waits, whatever joins and leaves it', async () => {
  const flows = bed.broker().define<string>('churn');
  await flows.create('a');
  const staying = flows.wait('a');
  for (const round of range(30)) {
    const stop = new AbortController();
    const leaving = range(5).map(() => flows.wait('a', { signal: stop.signal }).catch(() => 'left'));
    if (round % 2) await new Promise(setImmediate);
    stop.abort(new Error('left'));
    await Promise.all(leaving);
  }
  await flows.complete('a', 'x');
  expect(await staying).toBe('x');
});
