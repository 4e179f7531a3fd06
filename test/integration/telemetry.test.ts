import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { failureOf } from '../helpers/errors.js';
import { resp3 } from '../helpers/resp3.js';
import { setup } from '../helpers/setup.js';
import { latch, until } from '../helpers/until.js';
import type { FlowDiagnostic } from '../../src/index.js';

const bed = setup();

const NAMES = ['transition', 'wake', 'missed-wake', 'poll', 'reread', 'takeover', 'reconnect'] as const;
type Name = (typeof NAMES)[number];
const told: Record<Name, FlowDiagnostic[]> = {
  transition: [],
  wake: [],
  'missed-wake': [],
  poll: [],
  reread: [],
  takeover: [],
  reconnect: [],
};
const listeners = NAMES.map(
  (name) => [name, (message: unknown) => told[name].push(message as FlowDiagnostic)] as const,
);
beforeEach(() => {
  for (const [name, listener] of listeners) {
    told[name].length = 0;
    subscribe(`flowbroker:${name}`, listener);
  }
});
afterEach(() => {
  for (const [name, listener] of listeners) unsubscribe(`flowbroker:${name}`, listener);
});

const START = {
  transitions: 0,
  wakes: 0,
  missedWakes: 0,
  polls: 0,
  rereads: 0,
  takeovers: 0,
  reconnects: 0,
  waiters: 0,
  watches: 0,
  subscriptions: 0,
  handlers: 0,
  listening: true,
};

it('counts nothing before anything happened', () => {
  expect(bed.broker().stats()).toEqual(START);
});

it('tells each transition that this broker caused, with the flow, the broker and the verdict', async () => {
  const broker = bed.broker();
  const flows = broker.define<string>('t');
  const flow = { type: 't', id: 'a' };
  await flows.create('a');
  await flows.create('a');
  await flows.complete('a', 'x');
  await flows.complete('a', 'x');
  await flows.delete('a');
  await flows.delete('a');
  await flows.get('a');
  expect(told.transition).toHaveLength(3);
  for (const [at, verdict] of ['created', 'applied', 'deleted'].entries())
    expect(told.transition[at]).toMatchObject({ broker: broker.id, flow, verdict });
  expect(broker.stats()).toEqual({ ...START, transitions: 3, subscriptions: resp3 ? 1 : 0 }); // its own channel
});

it('tells each local wait that a message ended', async () => {
  const broker = bed.broker();
  const flows = broker.define<string>('w');
  const first = await flows.open('first');
  await until('it listens', () => broker.stats().listening);
  const { outcome } = await flows.open('a');
  const waits = [outcome, flows.wait('a')];
  await until('both wait', () => broker.stats().waiters === 3);
  expect(broker.stats()).toMatchObject({ watches: 2, subscriptions: 3 });
  await bed.broker().define('w').complete('a', 'x');
  await Promise.all(waits);
  expect(broker.stats()).toMatchObject({ wakes: 2, waiters: 1, watches: 1, missedWakes: 0 });
  expect(told.wake).toEqual(
    [1, 2].map(() => expect.objectContaining({ broker: broker.id, flow: { type: 'w', id: 'a' } }) as object),
  );
  await flows.complete('first', 'x');
  await first.outcome;
});

it('tells takeovers, and how many handlers run', async () => {
  const [a, b] = [bed.broker(), bed.broker()];
  const options = { leaseMs: 600_000 };
  const [began, next, end] = [latch(), latch(), latch<string>()];
  const stop = new AbortController();
  const owner = a
    .define<string>('o', options)
    .run('a', () => (began.open(), new Promise<string>(() => undefined)), {
      signal: stop.signal,
    });
  await began.opened;
  expect(a.stats().handlers).toBe(1);
  const taker = b.define<string>('o', options).run('a', () => (next.open(), end.opened));
  await until('it waits', () => b.stats().waiters === 1);
  stop.abort(new Error('away'));
  await expect(owner).rejects.toThrow('away');
  await next.opened;
  expect(b.stats()).toMatchObject({ takeovers: 1, handlers: 1 });
  expect(told.takeover).toEqual([
    expect.objectContaining({ broker: b.id, flow: { type: 'o', id: 'a' }, attempt: 2 }),
  ]);
  end.open('x');
  await taker;
  expect(b.stats().handlers).toBe(0);
});

it('tells reconnects, and that it re-read everything then', async () => {
  const broker = bed.broker();
  const flows = broker.define<string>('r', { timeoutMs: 600_000 });
  const { outcome } = await flows.open('a');
  await until('it listens', () => broker.stats().listening);
  told.reread.length = 0;
  for (const line of ((await bed.admin.client('LIST')) as string).split('\n'))
    if (line.includes('name=flowbroker')) await bed.admin.client('KILL', 'ID', /id=(\d+)/.exec(line)![1]!);
  await until('it is back', () => broker.stats().reconnects > 0 && broker.stats().listening);
  await until('it looked', () => told.reread.some((message) => message['cause'] === 'restored'));
  expect(told.reconnect).toHaveLength(broker.stats().reconnects);
  await flows.complete('a', 'x');
  expect(await outcome).toBe('x');
});

it('polls while nothing arrives, counts what it found by that as missed, and stops when wake-ups arrive again', async () => {
  await bed.admin.acl('SETUSER', 'deaf', 'on', '>pass', '~*', '+@all', 'resetchannels');
  const redis = { port: bed.server.port, username: 'deaf', password: 'pass' };
  const broker = bed.broker({ redis, pollMs: 20, heartbeatMs: 50, notifications: 'off' });
  const teller = bed.broker().define<string>('p', { timeoutMs: 600_000 });
  const flows = broker.define<string>('p', { timeoutMs: 600_000 });
  const opened = await Promise.all(['a', 'b', 'c'].map((id) => flows.open(id)));
  const last = await flows.open('last');
  await Promise.all(['a', 'b', 'c'].map((id) => teller.complete(id, id)));
  expect(await Promise.all(opened.map(({ outcome }) => outcome))).toEqual(['a', 'b', 'c']);
  const deaf = broker.stats();
  expect(deaf).toMatchObject({ listening: false, missedWakes: 3 });
  expect(deaf.polls).toBeGreaterThan(0);
  expect(told.poll.length).toBe(deaf.polls);
  expect(told['missed-wake'].map(({ flow }) => flow?.id).sort()).toEqual(['a', 'b', 'c']);
  await bed.admin.acl('SETUSER', 'deaf', 'allchannels');
  await until('it hears', () => broker.stats().listening);
  await teller.complete('last', 'heard');
  expect(await last.outcome).toBe('heard');
  expect(broker.stats().missedWakes).toBe(3);
});

it('tells nobody, and costs nothing, where nobody listens', async () => {
  for (const [name, listener] of listeners) unsubscribe(`flowbroker:${name}`, listener);
  const broker = bed.broker();
  await failureOf(broker.define('q').wait('a'), 'ERR_FLOW_NOT_FOUND');
  await broker.define('q').create('a');
  expect(broker.stats().transitions).toBe(1);
  expect(Object.values(told).flat()).toEqual([]);
});
