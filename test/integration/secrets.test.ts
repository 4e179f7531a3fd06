import { randomBytes } from 'node:crypto';
import { sealedCodec } from '../../src/index.js';
import { memoryLogger } from '../helpers/log.js';
import { editRecord, readRecord } from '../helpers/record.js';
import { setup } from '../helpers/setup.js';
import { latch, until } from '../helpers/until.js';

const bed = setup();
const CANARY = 'canary-Zq7fX2';
const ERROR = Object.assign(new Error(`message ${CANARY}`), {
  name: `N${CANARY}`,
  code: CANARY,
  data: { at: CANARY },
});
const LONG = { leaseMs: 600_000, timeoutMs: 600_000 };

interface Value {
  readonly token: string;
}

function logged(options = {}) {
  const { logger, lines } = memoryLogger();
  const broker = bed.broker({
    logger,
    commandTimeoutMs: 200,
    pollMs: 20,
    heartbeatMs: 100,
    rereadMs: 100,
    ...options,
  });
  return { broker, lines, flows: broker.define<Value, Value>('s', LONG) };
}

const value: Value = { token: CANARY };
const released = async (key: string) => (await readRecord(bed.admin, key))?.['releasedBy'];
const settled = (...promises: Promise<unknown>[]) => Promise.allSettled(promises);

describe('no log line at any level holds what a user put into a flow', () => {
  it('when flows end in every way', async () => {
    const { flows, lines } = logged();
    const ends = {
      complete: (id: string) => flows.complete(id, value),
      fail: (id: string) => flows.fail(id, ERROR),
      cancel: (id: string) => flows.cancel(id, ERROR),
      delete: (id: string) => flows.delete(id),
      supersede: (id: string) => flows.create(id, { metadata: value, conflict: 'supersede' }),
    };
    for (const [id, end] of Object.entries(ends)) {
      const { outcome } = await flows.open(id, { metadata: value });
      await end(id);
      await settled(outcome, flows.get(id), flows.wait(id, { timeoutMs: 5 }), end(id));
    }
    await settled((await flows.open('late', { metadata: value, timeoutMs: 5 })).outcome);
    await settled(flows.run('run', () => value, { metadata: value }));
    await settled(flows.run('throws', () => Promise.reject(ERROR), { metadata: value }));
    await settled(flows.run('lossy', () => ({ token: CANARY, at: new Date(0) }) as Value));
    expect(lines.join('\n')).not.toContain(CANARY);
  });

  it('when owners are lost, canceled and taken over', async () => {
    const { flows, lines, broker } = logged();
    const began = latch();
    const run = flows.run(
      'lost',
      ({ signal }) => {
        began.open();
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(ERROR);
          });
        });
      },
      { metadata: value, leaseMs: 100 },
    );
    const ended = settled(run);
    await began.opened;
    await until('it listens', () => broker.stats().waiters === 1);
    await flows.cancel('lost', ERROR);
    await ended;
    const again = settled(
      flows.run('renew', () => new Promise(() => undefined), { metadata: value, leaseMs: 100, waitMs: 300 }),
    );
    await until('it is owned', () => bed.admin.exists('flow:{s:renew}'));
    await editRecord(bed.admin, 'flow:{s:renew}', { v: 9, metadata: CANARY });
    await again;
    expect(lines.join('\n')).not.toContain(CANARY);
  });

  it('when Redis is gone, refuses, or speaks nonsense', async () => {
    const { flows, lines, broker } = logged();
    const { outcome } = await flows.open('a', { metadata: value });
    const run = settled(
      flows.run('b', () => until('paused', () => paused).then(() => value), { leaseMs: 600 }),
    );
    let paused = false;
    await until('it listens', () => broker.stats().waiters > 0);
    await editRecord(bed.admin, 'flow:{s:a}', { result: CANARY, status: 'COMPLETED' });
    await bed.admin.publish('flow:{s:a}', CANARY);
    await settled(outcome);
    await bed.server.pause();
    paused = true;
    await settled(flows.complete('a', value), flows.fail('a', ERROR), flows.create('c', { metadata: value }));
    await settled(flows.run('d', () => Promise.reject(ERROR), { onUnavailable: 'run', metadata: value }));
    await bed.server.restart();
    await run;
    await until('it is back', async () => (await settled(flows.get('a')))[0]?.status === 'fulfilled');
    await settled(flows.create('x', { metadata: { token: CANARY, bad: 1n } as unknown as Value }));
    expect(lines.some((line) => line.includes('"level":40'))).toBe(true);
    expect(lines.join('\n')).not.toContain(CANARY);
  });
});

it('logs through a child of each component, with the broker’s id, object first and a constant message', async () => {
  const { broker, lines } = logged({ redis: { port: 1, host: '127.0.0.1' } });
  await settled(broker.define('s').open('a'));
  await until('it logged', () => lines.length > 0);
  const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(parsed[0]).toMatchObject({
    broker: broker.id,
    component: 'redis',
    msg: 'a connection to Redis failed',
  });
});

describe('with the sealed codec', () => {
  const codec = sealedCodec({ keys: { k1: randomBytes(32) }, current: 'k1' });

  it('nothing can be read in Redis, and everything by those who have the key', async () => {
    const heard: string[] = [];
    const listener = bed.client();
    listener.on('pmessage', (_pattern: string, _channel: string, message: string) => heard.push(message));
    await listener.psubscribe('*');
    const [here, there] = [bed.broker(), bed.broker()].map((broker) =>
      broker.define<Value, Value>('sealed', { ...LONG, codec, reuse: ['COMPLETED', 'FAILED', 'CANCELED'] }),
    );
    const { outcome } = await here!.open('done', { metadata: value });
    await there!.complete('done', value);
    expect(await outcome).toEqual(value);
    expect(await there!.run('done', () => ({ token: 'never' }))).toEqual(value);
    expect(await here!.get('done')).toMatchObject({ metadata: value, result: value });
    await settled(there!.run('failed', () => Promise.reject(ERROR), { metadata: value }));
    await expect(here!.wait('failed')).rejects.toMatchObject({
      cause: { message: ERROR.message, data: ERROR.data },
    });
    await here!.create('canceled', { metadata: value });
    await there!.cancel('canceled', ERROR);
    await expect(here!.wait('canceled')).rejects.toMatchObject({ cause: { code: CANARY } });

    const keys = await bed.admin.keys('flow:{sealed:*');
    expect(keys.length).toBeGreaterThanOrEqual(3);
    for (const key of keys) expect(await bed.admin.get(key)).not.toContain(CANARY);
    expect(heard.length).toBeGreaterThanOrEqual(3);
    expect(heard.join('\n')).not.toContain(CANARY);
  });

  it('an owner_lost that a script wrote is read all the same', async () => {
    const flows = bed.broker().define<Value>('sealed', { ...LONG, codec, maxAttempts: 1 });
    const call = flows.run('once', () => new Promise(() => undefined), { waitMs: 20 });
    await expect(call).rejects.toMatchObject({ code: 'ERR_FLOW_WAIT_TIMEOUT' });
    await until('it is released', () => released('flow:{sealed:once}'));
    await expect(flows.run('once', () => value)).rejects.toMatchObject({ code: 'ERR_FLOW_OWNER_LOST' });
    await expect(flows.wait('once')).rejects.toMatchObject({ code: 'ERR_FLOW_OWNER_LOST' });
  });

  it('a reader without the key gets ERR_FLOW_CODEC, a handler that is canceled by one too', async () => {
    const other = sealedCodec({ keys: { k2: randomBytes(32) }, current: 'k2' });
    const broker = bed.broker();
    const flows = broker.define<Value>('sealed', { ...LONG, codec });
    const stranger = bed.broker().define<Value>('sealed', { ...LONG, codec: other });
    await flows.create('locked', { metadata: value });
    for (const call of [() => stranger.get('locked'), () => stranger.create('locked')])
      await expect(call()).rejects.toMatchObject({ code: 'ERR_FLOW_CODEC' });
    const told = latch<unknown>();
    const run = settled(
      flows.run('canceled by a stranger', ({ signal }) => {
        signal.addEventListener('abort', () => {
          told.open(signal.reason);
        });
        return new Promise(() => undefined);
      }),
    );
    await until('it listens', () => broker.stats().waiters === 1);
    await settled(stranger.cancel('canceled by a stranger', 'no'));
    expect(await told.opened).toMatchObject({ code: 'ERR_FLOW_CODEC' });
    expect(await run).toMatchObject([{ reason: { code: 'ERR_FLOW_CODEC' } }]);
  });
});

it('takes any codec: both directions, with the place of each value', async () => {
  const places: string[] = [];
  const codec = {
    encode(given: unknown, place: { field: string; id: string }) {
      places.push(`encode ${place.field} of ${place.id}`);
      return Uint8Array.from(Buffer.from(`<${String(given)}>`));
    },
    decode(bytes: Buffer, place: { field: string; id: string }) {
      places.push(`decode ${place.field} of ${place.id}`);
      return bytes.toString().slice(1, -1);
    },
  };
  const flows = bed.broker().define<string, string>('own', { codec });
  const { outcome } = await flows.open('a', { metadata: 'm' });
  await flows.complete('a', 'r');
  expect(await outcome).toBe('r');
  expect((await readRecord(bed.admin, 'flow:{own:a}'))?.['result']).toBe('<r>');
  await expect(
    flows.run('b', () => new Promise<string>(() => undefined), { maxAttempts: 1, waitMs: 20 }),
  ).rejects.toThrow();
  await until('it is released', () => released('flow:{own:b}'));
  await expect(flows.run('b', () => 'never')).rejects.toMatchObject({ code: 'ERR_FLOW_OWNER_LOST' });
  for (const place of [
    'encode metadata of a',
    'decode metadata of a',
    'encode result of a',
    'decode result of a',
  ])
    expect(places).toContain(place);
});

it('gives ERR_FLOW_CODEC for a codec that throws, or that gives neither a string nor bytes', async () => {
  const broker = bed.broker();
  const throwing = broker.define('bad', {
    codec: {
      encode: () => {
        throw new Error('no key');
      },
      decode: () => undefined,
    },
  });
  await expect(throwing.create('a')).rejects.toMatchObject({
    code: 'ERR_FLOW_CODEC',
    cause: { message: 'no key' },
  });
  const odd = broker.define('odd', { codec: { encode: () => 5 as never, decode: () => undefined } });
  await expect(odd.create('a')).rejects.toMatchObject({ code: 'ERR_FLOW_CODEC' });
});
