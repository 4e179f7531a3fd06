import { FlowStateManager } from '../../../src/adapters/librechat.js';
import { sealedCodec } from '../../../src/index.js';
import { setup } from '../../helpers/setup.js';
import { TYPE } from './bed.js';

const bed = setup();

it('works on a broker that it leaves open', async () => {
  const broker = bed.broker();
  const manager = new FlowStateManager(broker);
  await manager.initFlow('a', TYPE);
  await manager.close();
  expect(await manager.getFlowState('a', TYPE)).toMatchObject({ status: 'PENDING' });
});

it.each([
  ['a URL', () => bed.url],
  ['ioredis options', () => ({ port: bed.server.port })],
])('opens a broker of its own for %s, and closes it', async (_what, redis) => {
  const manager = new FlowStateManager(redis());
  const id = bed.id();
  await manager.initFlow(id, TYPE);
  expect(await manager.completeFlow(id, TYPE, 1)).toBe(true);
  await manager.close();
  await expect(manager.getFlowState(id, TYPE)).rejects.toMatchObject({ code: 'ERR_FLOW_CLOSED' });
});

it('borrows an ioredis Redis, and leaves it open', async () => {
  const redis = bed.client();
  const manager = new FlowStateManager(redis);
  await manager.initFlow(bed.id(), TYPE);
  await manager.close();
  expect(await redis.ping()).toBe('PONG');
});

it('installs no signal handlers', async () => {
  const count = () => ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'].map((name) => process.listenerCount(name));
  const before = count();
  const manager = new FlowStateManager(bed.url, { ttl: 1000 });
  expect(count()).toEqual(before);
  await manager.close();
});

it('takes a codec, so that tokens are sealed in Redis', async () => {
  const codec = sealedCodec({ keys: { a: Buffer.alloc(32, 1) }, current: 'a' });
  const manager = new FlowStateManager<string>(bed.broker(), { codec });
  const id = bed.id();
  await manager.initFlow(id, TYPE, { verifier: 'secret' });
  await manager.completeFlow(id, TYPE, 'secret');
  expect(await bed.admin.get(`flow:{${TYPE}:${id}}`)).not.toContain('secret');
  expect(await manager.createFlow(id, TYPE)).toBe('secret');
});

it('gives a logger of winston’s shape what the broker says too', async () => {
  const told: [string, object | undefined][] = [];
  const log = (message: string, details?: object) => told.push([message, details]);
  const manager = new FlowStateManager('redis://127.0.0.1:1', {
    logger: { debug: log, info: log, warn: log, error: log },
  });
  expect(await manager.deleteFlow('x', TYPE)).toBe(false);
  await manager.close();
  expect(told).toContainEqual([
    'a connection to Redis failed',
    expect.objectContaining({ component: 'redis', reason: expect.any(String) as string }),
  ]);
}, 20_000);

it.each([
  [{ ttl: 0 }, /ttl must be a whole number/],
  [{ monitorTimeout: 1.5 }, /monitorTimeout must be a whole number/],
  [{ retainedFailureTypes: 'mcp_oauth' }, /retainedFailureTypes must be an array/],
  [{ logger: {} }, /logger must have the methods/],
  [{ colour: 'red' }, /no option "colour"/],
])('refuses %j by name', (options, message) => {
  expect(() => new FlowStateManager(bed.broker(), options as never)).toThrow(message);
});

it('refuses a Keyv store, and says what it needs instead', () => {
  const keyv = { opts: {}, get: () => undefined, set: () => undefined };
  expect(() => new FlowStateManager(keyv as never)).toThrow(/needs a broker, an ioredis Redis.*Keyv/);
});
