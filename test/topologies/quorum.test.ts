import { setTimeout as delay } from 'node:timers/promises';
import { ask, startCluster, startRedis, type RedisServer } from '../../scripts/redis/index.js';
import { createBroker, redlockQuorum, type Broker, type Quorum } from '../../src/index.js';
import { failureOf } from '../helpers/errors.js';
import { latch } from '../helpers/until.js';

const brokers: Broker[] = [];
const quorums: Quorum[] = [];

function quorumOf(servers: readonly RedisServer[]): Quorum {
  const quorum = redlockQuorum(servers.map(({ url }) => url));
  quorums.push(quorum);
  return quorum;
}

afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.close()));
  for (const quorum of quorums.splice(0)) quorum.close();
});

describe.each([3, 5])('a quorum of %i servers', (count) => {
  let servers: RedisServer[];
  beforeAll(async () => {
    servers = await Promise.all(Array.from({ length: count }, () => startRedis()));
  });
  afterEach(async () => {
    for (const server of servers) {
      if (server.frozen) await server.resume();
      if (!server.running) await server.restart();
    }
  });
  afterAll(() => Promise.all(servers.map((server) => server.stop())));

  /** Twenty owners who each believe to be the only one, as after failovers that forgot the flow. */
  async function contend(type: string): Promise<number> {
    let [running, most, runs] = [0, 0, 0];
    const handler = async (): Promise<number> => {
      running++;
      most = Math.max(most, running);
      await delay(5);
      running--;
      return ++runs;
    };
    const owners = Array.from({ length: 20 }, (_none, at) => {
      const broker = createBroker({ redis: servers[0]!.url, prefix: `p${String(at)}` });
      brokers.push(broker);
      return broker.define<number>(type, { quorum: quorumOf(servers), leaseMs: 2_000 });
    });
    const results = await Promise.all(owners.map((flows) => flows.run('same', handler)));
    expect(new Set(results).size).toBe(20);
    expect(most).toBe(1);
    return runs;
  }

  it('lets one of twenty run at a time, and all in the end', async () => {
    expect(await contend('all')).toBe(20);
  }, 60_000);

  it('does so while one server is down', async () => {
    await servers[1]!.kill();
    expect(await contend('down')).toBe(20);
  }, 60_000);

  it('does so while one server is held by a stale key', async () => {
    await ask(servers[2]!.port, 'SET', 'flow-quorum:{stale:same}', 'somebody', 'PX', 60_000);
    expect(await contend('stale')).toBe(20);
  }, 60_000);

  it('does so while one server hangs', async () => {
    await servers[1]!.pause();
    expect(await contend('slow')).toBe(20);
  }, 60_000);

  it('takes the first locks of many flows at once', async () => {
    const broker = createBroker({ redis: servers[0]!.url });
    brokers.push(broker);
    const flows = broker.define<number>('first', { quorum: quorumOf(servers) });
    const runs = Array.from({ length: 10 }, (_none, at) => flows.run(String(at), () => at));
    expect(await Promise.all(runs)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('is extended while the handler runs, and given back after it', async () => {
    const broker = createBroker({ redis: servers[0]!.url });
    brokers.push(broker);
    const flows = broker.define<string>('long', { quorum: quorumOf(servers), leaseMs: 300 });
    const result = await flows.run('a', async ({ signal }) => {
      await delay(1_000);
      return signal.aborted ? 'aborted' : 'held';
    });
    expect(result).toBe('held');
    const held = (): Promise<unknown[]> =>
      Promise.all(servers.map(({ port }) => ask(port, 'EXISTS', 'flow-quorum:{long:a}')));
    while ((await held()).some((one) => one === 1)) await delay(5);
  });

  it('aborts the handler’s signal when most of the servers lost the lock', async () => {
    const broker = createBroker({ redis: servers[0]!.url });
    brokers.push(broker);
    const quorum = quorumOf(servers);
    const flows = broker.define<string>('lost', { quorum, leaseMs: 600, maxAttempts: 1, timeoutMs: 5_000 });
    const begun = latch();
    const reason = latch<unknown>();
    const run = flows.run('a', ({ signal }) => {
      begun.open();
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reason.open(signal.reason);
          reject(signal.reason as Error);
        });
      });
    });
    const failed = failureOf(run, 'ERR_FLOW_OWNER_LOST');
    await begun.opened;
    for (const { port } of servers) await ask(port, 'DEL', 'flow-quorum:{lost:a}');
    expect(await reason.opened).toMatchObject({
      code: 'ERR_FLOW_OWNER_LOST',
      message: expect.stringMatching(/quorum/) as string,
    });
    await failed;
  });
});

describe('is refused', () => {
  it.each([
    [[], /odd number/],
    [['redis://a', 'redis://b'], /at least 3/],
    [['redis://a', 'redis://b', 'redis://c', 'redis://d'], /odd number/],
    [['redis://a', 'redis://b', 5], /takes URLs or ioredis options/],
  ])('%j', (servers, words) => {
    expect(() => redlockQuorum(servers as string[])).toThrow(words);
  });

  it('over nodes of one Cluster, one server twice, or a replica', async () => {
    const cluster = await startCluster({ replicas: 0 });
    const single = await startRedis();
    const other = await startRedis();
    const replica = await startRedis({ args: ['--replicaof', `127.0.0.1 ${String(single.port)}`] });
    try {
      for (const [servers, words] of [
        [cluster.servers, /a node of a Redis Cluster/],
        [[single, single, other], /there already/],
        [[single, other, replica], /a replica/],
      ] as const) {
        await expect(quorumOf(servers).lock('a', 1_000)).rejects.toThrow(words);
      }
    } finally {
      await Promise.all([cluster, single, other, replica].map((one) => one.stop()));
    }
  });
});
