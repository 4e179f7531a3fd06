import type { Redis } from 'ioredis';
import type { Flows } from '../../src/index.js';
import { resp3 } from '../helpers/resp3.js';
import { clientsOf, setup } from '../helpers/setup.js';
import { until } from '../helpers/until.js';

const monitors: Redis[] = [];
afterEach(() => {
  jest.restoreAllMocks();
  for (const monitor of monitors.splice(0)) monitor.disconnect();
});
const bed = setup();

/** A broker that has settled before, so that its connections stand; and what it sends, word by word, from whom. */
async function settler() {
  const broker = bed.broker({ heartbeatMs: 3_600_000 });
  const flows = broker.define<string>('ahead');
  await flows.create('warm');
  await heard(flows);
  const client = bed.client();
  await client.ping();
  const monitor = await client.monitor();
  monitors.push(monitor);
  const sent: { words: readonly string[]; from: string }[] = [];
  monitor.on('monitor', (_time: string, words: readonly string[], from: string) => {
    if (/^evalsha$/i.test(words[0] ?? '')) sent.push({ words, from });
  });
  /** All that was sent before. */
  const seen = async () => {
    const before = sent.length;
    await flows.get('nothing');
    await until('it was seen', () => sent.length > before && sent.at(-1)?.words.length === 5);
    return sent.splice(0).slice(0, -1);
  };
  return { broker, flows, seen };
}

/** It listens, and was heard there. */
async function heard(flows: Flows<string>): Promise<void> {
  const told = async (): Promise<number> =>
    Number(/cmdstat_publish:calls=(\d+)/.exec(await bed.admin.info('commandstats'))?.[1] ?? 0);
  const before = await told();
  await flows.complete('warm', ''); // the connection opens
  if (!resp3) return;
  await until('it listens', async () => (await bed.admin.pubsub('CHANNELS')).length === 1);
  await until('it is told', async () => {
    await flows.complete('warm', '');
    return (await told()) > before;
  });
}

const own = (words: readonly string[]): string | undefined => words[words.indexOf('ownChannel') + 1];
const listener = async (): Promise<string | undefined> =>
  /addr=(\S+)/.exec((await clientsOf(bed.admin)).find((line) => line.includes('name=flowbroker')) ?? '')?.[1];

it('settles what only others wait for over the connection that listens, and is told there first', async () => {
  const { broker, flows, seen } = await settler();
  const id = bed.id();
  await flows.create(id);
  await seen();
  expect((await flows.complete(id, 'x')).verdict).toBe('applied');
  const [{ words, from }] = (await seen()) as [{ words: readonly string[]; from: string }];
  expect(words).toContain(`flow:{ahead:${id}}`);
  if (resp3) {
    expect(own(words)).toBe(`flow:heartbeat:${broker.id}`);
    expect(from).toBe(await listener());
  } else expect(words).not.toContain('ownChannel');
});

it('settles what is waited for here, and what goes along with other calls, as it always did', async () => {
  const { flows, seen } = await settler();
  const [here, one, two] = [bed.id(), bed.id(), bed.id()];
  const { outcome } = await flows.open(here);
  await Promise.all([flows.create(one), flows.create(two)]);
  await seen();
  await flows.complete(here, 'x');
  const answers = await Promise.all([flows.get(one), flows.complete(two, 'x')]);
  expect(answers[1].verdict).toBe('applied');
  expect(await outcome).toBe('x');
  for (const { words } of await seen()) expect(words).not.toContain('ownChannel');
});

it('has those who wait written to before it is answered', async () => {
  const { flows } = await settler();
  const waiter = bed.client();
  const first: string[] = [];
  for (let round = 0; round < 50; round++) {
    const id = bed.id();
    await flows.create(id);
    await waiter.subscribe(`flow:{ahead:${id}}`);
    const order: string[] = [];
    const heard = new Promise<void>((resolve) => {
      waiter.once('message', () => {
        order.push('waiter');
        resolve();
      });
    });
    await Promise.all([heard, flows.complete(id, 'x').then(() => order.push('settler'))]);
    first.push(order[0]!);
  }
  // Which sockets Node looks at first is not Redis' alone to say.
  if (resp3) expect(first.filter((one) => one === 'waiter').length).toBeGreaterThan(40);
});

it('keeps the order of calls on one flow, over whichever connection they go', async () => {
  const { flows, seen } = await settler();
  for (let round = 0; round < 20; round++) {
    const id = bed.id();
    await flows.create(id);
    const [completed, found, deleted, again, ended] = await Promise.all([
      flows.complete(id, 'one'),
      flows.get(id),
      flows.delete(id),
      flows.create(id),
      flows.complete(id, 'two'),
    ]);
    const verdicts = [completed, deleted, again, ended].map(({ verdict }) => verdict);
    expect([...verdicts, found?.result]).toEqual(['applied', 'deleted', 'created', 'applied', 'one']);
  }
  expect((await seen()).some(({ words }) => words.includes('ownChannel'))).toBe(resp3);
});

it('settles over the other connection while nothing was heard on the one that listens', async () => {
  const { flows, seen } = await settler();
  const settle = async (): Promise<boolean> => {
    const id = bed.id();
    await flows.create(id);
    await flows.complete(id, 'x');
    return (await seen()).some(({ words }) => words.includes('ownChannel'));
  };
  expect(await settle()).toBe(resp3);
  const later = performance.now.bind(performance);
  jest.spyOn(performance, 'now').mockImplementation(() => later() + 10_000);
  expect(await settle()).toBe(false);
});

it('gives back a large result that stands already, whole', async () => {
  const { flows } = await settler();
  const id = bed.id();
  const large = 'x'.repeat(100_000);
  await flows.create(id);
  await flows.complete(id, large);
  const { verdict, record } = await flows.complete(id, 'another');
  expect([verdict, record?.result]).toEqual(['already_settled', large]);
});

it('goes on over the other connection when the one that listens is lost', async () => {
  if (!resp3) return; // there is none yet
  const { flows, broker } = await settler();
  for (let round = 0; round < 5; round++) {
    const id = bed.id();
    await flows.create(id);
    const address = await listener();
    const [, { verdict }] = await Promise.all([
      bed.admin.client('KILL', 'ADDR', address!),
      flows.complete(id, 'x'),
    ]);
    expect(['applied', 'duplicate']).toContain(verdict);
    expect((await flows.get(id))?.result).toBe('x');
    await until('it is back', () => broker.stats().reconnects === round + 1);
    await heard(flows);
  }
});
