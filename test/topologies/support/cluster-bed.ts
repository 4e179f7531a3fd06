import { Redis } from 'ioredis';
import { startCluster, type RedisCluster } from '../../../scripts/redis/index.js';
import { createBroker, type Broker, type BrokerOptions } from '../../../src/index.js';
import { handles } from '../../helpers/setup.js';
import { until } from '../../helpers/until.js';

/** A cluster of the test file's own, and whatever the tests open on it. */
export interface ClusterBed {
  readonly cluster: RedisCluster;
  /** A broker on the cluster, closed after the test. */
  broker(options?: Partial<BrokerOptions>): Broker;
  /** An id that no other test uses. */
  id(): string;
}

/** Call it at the top of a file. After each test no client and no subscription may be left on any node. */
export function clusterBed(args: readonly string[] = []): ClusterBed {
  let cluster: RedisCluster;
  let ids = 0;
  const brokers: Broker[] = [];
  let before = handles();

  beforeAll(async () => {
    before = handles();
    cluster = await startCluster({ args });
  });

  afterEach(async () => {
    await Promise.all(brokers.splice(0).map((broker) => broker.close()));
    for (const server of cluster.servers) {
      if (server.frozen) await server.resume();
      if (!server.running) await server.restart();
    }
    await cluster.healthy();
    await Promise.all(cluster.servers.map(({ port }) => nothingOn(port)));
  });

  afterAll(async () => {
    await cluster.stop();
    await until('the handles of before', () => handles().sockets <= before.sockets);
  });

  return {
    get cluster() {
      return cluster;
    },
    broker(given = {}) {
      const broker = createBroker({ redis: { cluster: cluster.nodes }, ...given });
      brokers.push(broker);
      return broker;
    },
    id: () => `id-${String(++ids)}`,
  };
}

/** Fails while the server has another client than its master, replica, Sentinels or this, or any subscription but Sentinels'. */
export async function nothingOn(port: number, sentinels = 0): Promise<void> {
  const admin = new Redis(port, { maxRetriesPerRequest: null });
  admin.on('error', () => undefined);
  let left: unknown;
  try {
    await until('a server without clients', async () => {
      const list = String(await admin.client('LIST'))
        .trim()
        .split('\n')
        // Servers keep the connections over which they replicate and, for 10 s, those over which they moved keys.
        .filter((line) => !/flags=[MS]| cmd=restore| name=sentinel-/.test(line));
      const channels = ((await admin.call('PUBSUB', 'CHANNELS')) as string[]).filter(
        (channel) => sentinels === 0 || channel !== '__sentinel__:hello',
      );
      // Before Redis 7 there are none.
      const sharded = (await admin.call('PUBSUB', 'SHARDCHANNELS').catch(() => [])) as string[];
      left = { clients: list.slice(1, 6), channels: channels.slice(0, 5), sharded: sharded.slice(0, 5) };
      return list.length === 1 && channels.length === 0 && sharded.length === 0;
    });
  } catch (error) {
    throw new Error(`left on port ${String(port)}: ${JSON.stringify(left)}`, { cause: error });
  } finally {
    admin.disconnect();
  }
}
