import { Redis, Cluster } from 'ioredis';
import { createBroker, FlowInvalidArgumentError, type BrokerOptions } from '../../../src/index.js';
import { NO_OBJECTS, NO_WHOLE_NUMBERS, TOO_LONG } from './values.js';

const LAZY = { lazyConnect: true };
const create = (options: unknown) => createBroker(options as BrokerOptions);

function refusal(options: unknown): FlowInvalidArgumentError {
  try {
    void create(options).close();
  } catch (error) {
    if (error instanceof FlowInvalidArgumentError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const NUMBERS: readonly [name: string, least: number, most: number][] = [
  ['pollMs', 10, TOO_LONG - 1],
  ['rereadMs', 100, TOO_LONG - 1],
  ['heartbeatMs', 50, TOO_LONG - 1],
  ['commandTimeoutMs', 10, TOO_LONG - 1],
  ['connectTimeoutMs', 10, TOO_LONG - 1],
  ['inlineBytes', 0, 1_048_576],
];

describe.each(NUMBERS)('%s', (name, least, most) => {
  it.each([...NO_WHOLE_NUMBERS, least - 1, most + 1])('is refused by name: %p', (value) => {
    const error = refusal({ redis: LAZY, [name]: value });
    expect(error.code).toBe('ERR_FLOW_INVALID_ARGUMENT');
    expect(error.message).toContain(
      `${name} must be a whole number from ${String(least)} to ${String(most)}, got `,
    );
  });

  it.each([undefined, least, most])('is taken: %p', async (value) => {
    await create({ redis: LAZY, [name]: value }).close();
  });
});

it.each([null, 5, '', 'a{b', 'a*', 'x'.repeat(65), ['flow']])('refuses the prefix %p', (prefix) => {
  expect(refusal({ redis: LAZY, prefix }).message).toMatch(/^prefix must be/);
});

it.each([null, 5, '', 'on', 'AUTO', true, ['auto']])('refuses the notifications %p', (notifications) => {
  expect(refusal({ redis: LAZY, notifications }).message).toMatch(
    /^notifications must be one of auto, configure, off/,
  );
});

it.each([null, 5, 'pino', true, {}, [], { child: 1 }, { child: () => ({}) }])(
  'refuses the logger %p',
  (logger) => {
    expect(refusal({ redis: LAZY, logger }).message).toMatch(/^logger must be a pino logger/);
  },
);

it.each([undefined, ...NO_OBJECTS])('refuses options that are none: %p', (options) => {
  expect(refusal(options).message).toMatch(/createBroker/);
});

it('refuses an option that nothing reads, and names those that are known', () => {
  const { message } = refusal({ redis: LAZY, polMs: 5 });
  expect(message).toMatch(/no option "polMs"; known: redis, prefix, .*pollMs/);
});

it.each([undefined, null, 5, true, '', 'localhost:6379', 'http://x', 'redis://', [], () => 1, Symbol('r')])(
  'refuses a redis that is none: %p',
  (redis) => {
    expect(refusal({ redis }).message).toMatch(/^redis must be a URL/);
  },
);

it('refuses a keyPrefix, which would rewrite keys but not channels, and leaves no connection open', () => {
  const unheard = jest.spyOn(console, 'error').mockImplementation(() => undefined);
  expect(refusal({ redis: { ...LAZY, keyPrefix: 'app:' } }).message).toMatch(
    /^redis must have no keyPrefix.*"app:"/,
  );
  const borrowed = new Redis({ ...LAZY, keyPrefix: 'app:' });
  expect(refusal({ redis: borrowed }).message).toMatch(/^redis must have no keyPrefix/);
  expect(borrowed.status).toBe('wait');
  expect(borrowed.listenerCount('ready')).toBe(0);
  expect(unheard).not.toHaveBeenCalled();
  unheard.mockRestore();
  borrowed.disconnect();
});

it.each([
  ['a keyPrefix of a Cluster', { keyPrefix: 'a:' }, /keyPrefix/],
  ['a keyPrefix of its nodes', { redisOptions: { keyPrefix: 'a:' } }, /keyPrefix/],
  ['a db of a Cluster', { redisOptions: { db: 2 } }, /redis\.db must be 0 in a Cluster/],
])('refuses %s', (_what, options, words) => {
  const cluster = new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true, ...options });
  expect(refusal({ redis: cluster }).message).toMatch(words);
  cluster.disconnect();
});

it.each([
  [{ cluster: [] }, /redis\.cluster must be an array of at least one node/],
  [{ cluster: 'redis://a' }, /redis\.cluster must be an array/],
  [{ cluster: [{ port: 1 }], keyPrefix: 'a:' }, /keyPrefix/],
  [{ cluster: [{ port: 1 }], db: 1 }, /redis\.db must be 0/],
  [{ sentinels: [], name: 'a' }, /redis\.sentinels must be an array/],
  [{ sentinels: [{ port: 1 }] }, /redis\.name must name the group/],
])('refuses %j', (redis, words) => {
  expect(refusal({ redis }).message).toMatch(words);
});

describe('close', () => {
  it.each([...NO_WHOLE_NUMBERS, TOO_LONG])('refuses the drainMs %p', async (drainMs) => {
    const broker = create({ redis: LAZY });
    const refused = Promise.resolve().then(() => broker.close({ drainMs } as never));
    await expect(refused).rejects.toThrow(/^drainMs must be/);
    await broker.close();
  });

  it('refuses an option that nothing reads', async () => {
    const broker = create({ redis: LAZY });
    const refused = Promise.resolve().then(() => broker.close({ drain: 5 } as never));
    await expect(refused).rejects.toThrow('no option "drain"; known: drainMs');
    await broker.close();
  });
});
