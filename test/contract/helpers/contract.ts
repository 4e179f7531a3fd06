import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { acquireRedis, startRedis } from '../../../scripts/redis/index.js';
import { Flow, type Wiring } from './flow.js';
import { Footprint } from './footprint.js';
import { Lease } from './lease.js';
import { Subscriber } from './subscriber.js';
import { type Variant } from './variants.js';

export interface Contract {
  readonly client: Redis;
  /** A flow nobody has touched, with somebody listening on its channel. */
  flow(id?: string): Promise<Flow>;
  /** A generation lease nobody has touched, with somebody listening. */
  lease(): Promise<Lease>;
}

/**
 * A server with the scripts on it for the tests of a `describe`. When they are done, everything that the scripts did
 * must have been within the keys they declared.
 */
export function useContract(variant: Variant): Contract {
  let client: Redis;
  let wiring: Wiring;
  let footprint: Footprint;
  let stop: () => Promise<void>;
  const prefix = `test-${randomUUID()}`;
  let flows = 0;
  const start = variant.cluster ? shareCluster() : acquireRedis;

  beforeAll(async () => {
    const server = await start();
    client = new Redis(server.url);
    const connection = client.duplicate();
    // What comes in one read with the answer to MONITOR, ioredis takes for a reply: nobody may say anything by then.
    await Promise.all([client.ping(), connection.ping()]);
    const monitor = await client.monitor();
    footprint = new Footprint(monitor);
    const subscriber = new Subscriber(connection, client, variant);
    wiring = { client, call: await variant.load(client), publish: variant.publish, subscriber };
    stop = async () => {
      await removeAll(client, prefix);
      for (const each of [client, connection, monitor]) each.disconnect();
      await server.stop();
    };
  });

  afterAll(async () => {
    const { problems, commands } = footprint;
    await stop();
    expect(problems).toEqual([]);
    expect(commands).toBeGreaterThan(0);
  });

  return {
    get client() {
      return client;
    },
    async flow(id = String(++flows)) {
      const flow = new Flow(`${prefix}:{login:${id}}`, wiring);
      await wiring.subscriber.listen(flow.key);
      return flow;
    },
    async lease() {
      const lease = new Lease(`${prefix}:{@lease:${String(++flows)}}`, wiring);
      await wiring.subscriber.listen(lease.key);
      return lease;
    },
  };
}

interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

let cluster: Promise<Server> | undefined;
let usersOfCluster = 0;

/** One server that serves all slots, shared by the tests of a file: it takes two seconds to call itself a cluster. */
function shareCluster(): () => Promise<Server> {
  usersOfCluster += 1;
  cluster ??= startCluster();
  // Whoever awaits it later gets the error.
  cluster.catch(() => undefined);
  const started = cluster;
  return async () => {
    const server = await started;
    const stop = async (): Promise<void> => {
      usersOfCluster -= 1;
      if (usersOfCluster === 0) await server.stop();
    };
    return { url: server.url, stop };
  };
}

async function startCluster(): Promise<Server> {
  const server = await startRedis({ args: ['--cluster-enabled', 'yes'] });
  const client = new Redis(server.url);
  await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  while (!String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) await delay(20);
  client.disconnect();
  return server;
}

async function removeAll(client: Redis, prefix: string): Promise<void> {
  const found = await client.keys(`${prefix}:*`);
  for (const key of found) await client.del(key);
}
