import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { Broker, Flows } from '../../src/index.js';
import { failureOf } from '../helpers/errors.js';
import { setup } from '../helpers/setup.js';
import { until } from '../helpers/until.js';
import { freePort } from '../../scripts/redis/index.js';

const bed = setup();

type Call = (flow: Flows<string>) => Promise<unknown>;
const CALLS: readonly [string, Call][] = [
  ['create', (flow) => flow.create('a')],
  ['open', (flow) => flow.open('a')],
  ['wait', (flow) => flow.wait('a')],
  ['complete', (flow) => flow.complete('a', 'x')],
  ['fail', (flow) => flow.fail('a', 'x')],
  ['cancel', (flow) => flow.cancel('a')],
  ['run', (flow) => flow.run('a', () => 'x')],
  ['get', (flow) => flow.get('a')],
  ['delete', (flow) => flow.delete('a')],
  ['list', (flow) => flow.list().next()],
];

async function expectUnavailable(broker: Broker): Promise<void> {
  const flow = broker.define<string>('u');
  await Promise.all(
    CALLS.map(async ([verb, call]) => {
      const error = await failureOf(call(flow), 'ERR_FLOW_UNAVAILABLE');
      expect({ verb, type: error.flow?.type }).toEqual({ verb, type: 'u' });
      expect(error.message).toContain('u "');
    }),
  );
  expect(broker.stats()).toMatchObject({ waiters: 0, watches: 0, handlers: 0 });
}

it('is what every call ends with while nothing listens there, within commandTimeoutMs', async () => {
  await expectUnavailable(bed.broker({ redis: { port: 1, host: '127.0.0.1' }, commandTimeoutMs: 50 }));
});

describe('a server that takes connections and says nothing', () => {
  let server: Server;
  const sockets = new Set<Socket>();
  beforeAll(async () => {
    server = createServer((socket) => sockets.add(socket.on('error', () => undefined))).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('is what every call ends with', async () => {
    const { port } = server.address() as AddressInfo;
    await expectUnavailable(bed.broker({ redis: { port, host: '127.0.0.1' }, commandTimeoutMs: 50 }));
  });
});

const answers = (call: Promise<unknown>): Promise<boolean> =>
  call.then(
    () => true,
    () => false,
  );

it('is what every call ends with while the server hangs; what went out may still happen', async () => {
  const broker = bed.broker({ commandTimeoutMs: 50 });
  // The first connection may take longer than that.
  await until('it answers', () => answers(broker.define('u').get('a')));
  await bed.server.pause();
  await expectUnavailable(broker);
  await bed.server.resume();
});

it('is over when the server is there again', async () => {
  const broker = bed.broker({ commandTimeoutMs: 5_000 });
  const flow = broker.define<string>('back');
  await flow.create('a');
  await bed.server.restart();
  expect(await flow.get('a')).toBeUndefined();
  const { outcome } = await flow.open('a');
  await flow.complete('a', 'x');
  expect(await outcome).toBe('x');
});

it('never runs later what timed out before it was sent', async () => {
  await bed.broker().define('never').create('loads the scripts');
  const port = await freePort();
  const broker = bed.broker({ redis: { port, host: '127.0.0.1' }, commandTimeoutMs: 30 });
  const flow = broker.define<string>('never');
  await failureOf(flow.create('a'), 'ERR_FLOW_UNAVAILABLE');
  const sockets = new Set<Socket>();
  const way = createServer((socket) => {
    const on = connect(bed.server.port, '127.0.0.1');
    for (const one of [socket, on]) sockets.add(one.on('error', () => undefined));
    socket.pipe(on).pipe(socket);
  }).listen(port, '127.0.0.1');
  let seen: unknown = 'nothing yet';
  await until('it answers', async () => {
    seen = await flow.get('a').catch(() => 'nothing yet');
    return seen !== 'nothing yet';
  });
  await broker.close();
  way.close();
  for (const socket of sockets) socket.destroy();
  expect(seen).toBeUndefined();
});

describe('a server out of memory', () => {
  afterEach(() => bed.admin.config('SET', 'maxmemory', '0'));

  it('is ERR_FLOW_UNAVAILABLE with what Redis said as cause; nothing is half-written', async () => {
    const flow = bed.broker().define<string>('oom');
    const { record } = await flow.create('stands');
    await bed.admin.config('SET', 'maxmemory', '1');
    for (const call of [
      () => flow.create('a'),
      () => flow.open('a'),
      () => flow.run('a', () => 'x'),
      () => flow.complete('stands', 'x'),
      () => flow.fail('stands', 'x'),
    ]) {
      const error = await failureOf(call(), 'ERR_FLOW_UNAVAILABLE');
      expect((error.cause as Error).message).toMatch(/\bOOM\b/);
    }
    await bed.admin.config('SET', 'maxmemory', '0');
    expect(await bed.admin.keys('flow:{oom:*')).toEqual(['flow:{oom:stands}']);
    expect(await flow.get('stands')).toEqual(record);
    expect((await flow.complete('stands', 'x')).verdict).toBe('applied');
  });
});

it('is what a user without the right to run scripts gets, with what Redis said', async () => {
  await bed.admin.acl('SETUSER', 'limited', 'on', '>pass', '~*', '&*', '+@all', '-evalsha', '-eval');
  const { port } = bed.server;
  const flow = bed.broker({ redis: { port, username: 'limited', password: 'pass' } }).define<string>('acl');
  const error = await failureOf(flow.create('a'), 'ERR_FLOW_UNAVAILABLE');
  expect((error.cause as Error).message).toMatch(/^NOPERM/);
});
