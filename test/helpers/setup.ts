import { Redis, type RedisOptions } from 'ioredis';
import { startRedis, type RedisServer, type ServerOptions } from '../../scripts/redis/index.js';
import { createBroker, type Broker, type BrokerOptions } from '../../src/index.js';
import { until } from './until.js';

/** A server of the test file's own, and whatever the tests open on it. */
export interface Setup {
  readonly server: RedisServer;
  readonly url: string;
  /** The test's own connection. */
  readonly admin: Redis;
  /** A broker on the server, closed after the test. */
  broker(options?: Partial<BrokerOptions>): Broker;
  /** One more connection of the test's own, closed after the test. */
  client(options?: Omit<RedisOptions, 'replyMapping'>): Redis;
  /** An id that no other test uses. */
  id(): string;
}

/**
 * Call it in a `describe` or at the top of a file. After each test everything is closed, and no client and no subscription may be
 * left; after the last, nothing of what was opened may keep the process alive.
 */
export function setup(options: ServerOptions = {}): Setup {
  let server: RedisServer;
  let admin: Redis;
  let before: Handles;
  let ids = 0;
  const brokers: Broker[] = [];
  const clients: Redis[] = [];

  beforeAll(async () => {
    before = handles();
    server = await startRedis(options);
    admin = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    admin.on('error', () => undefined);
    await admin.ping();
  });

  afterEach(async () => {
    await Promise.all(brokers.splice(0).map((broker) => broker.close()));
    for (const client of clients.splice(0)) client.disconnect();
    await nothingLeft(admin);
  });

  afterAll(async () => {
    admin.disconnect();
    await server.stop();
    await until('the handles of before', () => {
      const now = handles();
      return now.sockets <= before.sockets && now.timers <= before.timers;
    });
  });

  return {
    get server() {
      return server;
    },
    get url() {
      return server.url;
    },
    get admin() {
      return admin;
    },
    broker(given = {}) {
      const broker = createBroker({ redis: server.url, ...given });
      brokers.push(broker);
      return broker;
    },
    client(given = {}) {
      const client = new Redis({ port: server.port, ...given });
      client.on('error', () => undefined);
      clients.push(client);
      return client;
    },
    id: () => `id-${String(++ids)}`,
  };
}

/** Fails while the server has another client than this one, or any subscription. */
export async function nothingLeft(admin: Redis): Promise<void> {
  let left: unknown;
  try {
    await until('a server without clients', async () => {
      const list = await clientsOf(admin);
      const channels = await admin.pubsub('CHANNELS');
      left = { clients: list.slice(1), channels };
      return list.length === 1 && (channels as string[]).length === 0;
    });
  } catch (error) {
    throw new Error(`clients or subscriptions leaked: ${JSON.stringify(left)}`, { cause: error });
  }
}

/** One line for each client of the server. */
export async function clientsOf(admin: Redis): Promise<string[]> {
  return ((await admin.client('LIST')) as string).trim().split('\n');
}

/** How many script calls the server has had; a batch is one. */
export async function scriptCalls(admin: Redis): Promise<number> {
  const stats = await admin.info('commandstats');
  return [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce(
    (sum, [, calls]) => sum + Number(calls),
    0,
  );
}

interface Handles {
  readonly sockets: number;
  readonly timers: number;
}

/** What keeps the process alive: unref'd timers do not count. */
export function handles(): Handles {
  const all = process.getActiveResourcesInfo();
  const count = (kind: string): number => all.filter((one) => one === kind).length;
  return { sockets: count('TCPSocketWrap'), timers: count('Timeout') };
}
