import { createBroker } from '../../src/index.js';
import { failureOf } from '../helpers/errors.js';
import { handles, nothingLeft, setup } from '../helpers/setup.js';
import { latch, until } from '../helpers/until.js';

const bed = setup();
const LONG = { leaseMs: 600_000, timeoutMs: 600_000 };

it('ends local waits with ERR_FLOW_CLOSED; their flows go on', async () => {
  const broker = bed.broker();
  const flows = broker.define<string>('c', LONG);
  const { outcome } = await flows.open('a');
  const other = bed.broker().define<string>('c');
  const elsewhere = other.wait('a');
  const limited = flows.wait('a', { timeoutMs: 600_000, signal: new AbortController().signal });
  const ended = [outcome, limited].map((wait) => failureOf(wait, 'ERR_FLOW_CLOSED'));
  await broker.close();
  await Promise.all(ended);
  expect(broker.stats()).toMatchObject({ waiters: 0, watches: 0 });
  await other.complete('a', 'x');
  expect(await elsewhere).toBe('x');
});

it('ends with ERR_FLOW_CLOSED whatever is under way', async () => {
  const broker = bed.broker();
  const flows = broker.define<string>('u', LONG);
  await flows.create('a');
  await bed.server.pause();
  const calls = [
    flows.create('b'),
    flows.open('c'),
    flows.wait('a'),
    flows.get('a'),
    flows.complete('a', 'x'),
    flows.delete('b'),
  ].map((call) => failureOf(call, 'ERR_FLOW_CLOSED'));
  await Promise.all([broker.close(), ...calls]);
  await bed.server.resume();
});

it('releases what its handlers hold, so that others take over at once', async () => {
  const broker = bed.broker();
  const other = bed.broker();
  const began = latch<AbortSignal>();
  const owner = failureOf(
    broker.define<string>('r', LONG).run('a', ({ signal }) => {
      began.open(signal);
      return new Promise(() => undefined);
    }),
    'ERR_FLOW_CLOSED',
  );
  const signal = await began.opened;
  const next = other.define<string>('r', LONG).run('a', ({ attempt }) => `attempt ${String(attempt)}`);
  await until('the other waits', () => other.stats().waiters === 1);
  await broker.close();
  await owner;
  expect(signal.reason).toMatchObject({ code: 'ERR_FLOW_CLOSED' });
  expect(await next).toBe('attempt 2');
});

it('leaves no flow owned that it was just about to own', async () => {
  const broker = bed.broker();
  const flows = broker.define<string>('about', LONG);
  await flows.get('a');
  const owner = failureOf(
    flows.run('a', () => new Promise(() => undefined)),
    'ERR_FLOW_CLOSED',
  );
  await broker.close();
  await owner;
  expect(
    await bed
      .broker()
      .define<string>('about', LONG)
      .run('a', () => 'next'),
  ).toBe('next');
});

it('lets handlers finish within drainMs, takes no new calls meanwhile, and closes when they are done', async () => {
  const broker = bed.broker();
  const flows = broker.define<string>('d', LONG);
  const [began, end] = [latch<AbortSignal>(), latch<string>()];
  const call = flows.run('a', ({ signal }) => {
    began.open(signal);
    return end.opened;
  });
  const signal = await began.opened;
  const closed = broker.close({ drainMs: 600_000 });
  await failureOf(flows.create('b'), 'ERR_FLOW_CLOSED');
  await failureOf(
    flows.run('a', () => 'never'),
    'ERR_FLOW_CLOSED',
  );
  expect(signal.aborted).toBe(false);
  end.open('drained');
  expect(await call).toBe('drained');
  await closed;
  expect(await bed.broker().define('d').get('a')).toMatchObject({ status: 'COMPLETED', result: 'drained' });
});

it('aborts handlers that do not finish within drainMs', async () => {
  const broker = bed.broker();
  const began = latch<AbortSignal>();
  const call = broker.define<string>('late', LONG).run('a', ({ signal }) => {
    began.open(signal);
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(signal.reason as Error);
      });
    });
  });
  const ended = failureOf(call, 'ERR_FLOW_CLOSED');
  await began.opened;
  await broker.close({ drainMs: 20 });
  await ended;
  expect(
    await bed
      .broker()
      .define<string>('late', LONG)
      .run('a', () => 'next'),
  ).toBe('next');
});

it('refuses every call afterwards, and is the same promise a second time', async () => {
  const broker = bed.broker();
  const flows = broker.define<string>('after');
  const [one, other] = [broker.close(), broker.close({ drainMs: 5 })];
  await Promise.all([one, other]);
  await broker.close();
  const calls = [
    () => flows.create('a'),
    () => flows.open('a'),
    () => flows.wait('a'),
    () => flows.get('a'),
    () => flows.complete('a', 'x'),
    () => flows.fail('a', 'x'),
    () => flows.cancel('a'),
    () => flows.delete('a'),
    () => flows.run('a', () => 'x'),
    () => flows.runFenced('a', () => 'x'),
  ];
  for (const call of calls) await failureOf(call(), 'ERR_FLOW_CLOSED');
  expect(() => flows.list()).toThrow('the broker is closed');
  expect(() => broker.define('b')).toThrow('the broker is closed');
});

it('may be closed at once, before it is connected', async () => {
  await createBroker({ redis: bed.url }).close();
  const waiting = createBroker({ redis: bed.url });
  const call = failureOf(waiting.define('x').open('a'), 'ERR_FLOW_CLOSED');
  await waiting.close();
  await call;
});

it('leaves nothing that keeps the process alive, even if a handler heeds no signal', async () => {
  await nothingLeft(bed.admin);
  const before = handles();
  const broker = bed.broker();
  const flows = broker.define<string>('deaf', LONG);
  const end = latch<string>();
  const began = latch();
  const owner = failureOf(
    flows.run('a', () => {
      began.open();
      return end.opened;
    }),
    'ERR_FLOW_CLOSED',
  );
  await began.opened;
  const waits = [failureOf((await flows.open('b')).outcome, 'ERR_FLOW_CLOSED')];
  await until('it listens', () => broker.stats().waiters === 2);
  await broker.close();
  await Promise.all([owner, ...waits]);
  const nothing = () => handles().sockets <= before.sockets && handles().timers <= before.timers;
  await until('no socket and no timer is left', nothing);
  end.open('what it brings now is too late');
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  await until('no socket and no timer is left', nothing);
});

it('closes at the end of an await using block', async () => {
  const broker = createBroker({ redis: bed.url });
  await broker[Symbol.asyncDispose]();
  expect(() => broker.define('a')).toThrow('the broker is closed');
});
