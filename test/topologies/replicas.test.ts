import { ask, eventually, startRedis, type RedisServer } from '../../scripts/redis/index.js';
import { createBroker, type Broker } from '../../src/index.js';
import { failureOf } from '../helpers/errors.js';
import { clusterBed } from './support/cluster-bed.js';

describe('with two replicas', () => {
  let master: RedisServer;
  let replicas: RedisServer[];
  let broker: Broker;

  beforeAll(async () => {
    master = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
    const args = ['--replicaof', `127.0.0.1 ${String(master.port)}`];
    replicas = [await startRedis({ args }), await startRedis({ args })];
    await eventually('both in sync', 20_000, async () =>
      String(await ask(master.port, 'INFO', 'replication')).includes('connected_slaves:2'),
    );
    await eventually('both confirm', 20_000, async () => (await ask(master.port, 'WAIT', 2, 100)) === 2);
    broker = createBroker({ redis: master.url });
  });
  afterAll(async () => {
    await broker.close();
    await Promise.all([master, ...replicas].map((server) => server.stop()));
  });

  it('create and complete say how many replicas confirmed', async () => {
    const flows = broker.define<number>('r');
    expect(await flows.create('a', { minReplicas: 2 })).toMatchObject({ verdict: 'created', replicas: 2 });
    expect(await ask(replicas[1]!.port, 'GET', 'flow:{r:a}')).toMatch(/^1 \d+ PENDING /);
    expect(await flows.complete('a', 1, { minReplicas: 1 })).toMatchObject({ verdict: 'applied' });
    expect((await flows.complete('a', 2, { minReplicas: 2 })).verdict).toBe('already_settled');
    expect(await flows.complete('b', 2, { minReplicas: 2 })).toEqual({
      verdict: 'not_found',
      record: undefined,
    });
    expect(await flows.create('c')).not.toHaveProperty('replicas');
  });

  it('rejects with the record as it stands when too few confirm, and holds up no other call', async () => {
    const flows = broker.define<number>('r2');
    await replicas[0]!.pause();
    try {
      const slow = flows.create('a', { minReplicas: 2, replicaTimeoutMs: 1_500 });
      const order: string[] = [];
      const failed = failureOf(slow, 'ERR_FLOW_UNDER_REPLICATED').finally(() => order.push('replicas'));
      await flows.create('b');
      await flows.complete('b', 1);
      order.push('others');
      const error = await failed;
      expect(order).toEqual(['others', 'replicas']);
      expect(error).toMatchObject({ replicas: 1, record: { status: 'PENDING' } });
      expect(error.message).toMatch(/r2 "a" is stored, but 1 of 2 replicas confirmed it within 1500 ms/);
      const settled = failureOf(
        flows.complete('a', 7, { minReplicas: 2, replicaTimeoutMs: 50 }),
        'ERR_FLOW_UNDER_REPLICATED',
      );
      expect(await settled).toMatchObject({ record: { status: 'COMPLETED', result: 7 } });
    } finally {
      await replicas[0]!.resume();
    }
    expect(await flows.wait('a')).toBe(7);
  });

  it.each([
    [{ minReplicas: 0 }, /minReplicas must be a whole number from 1 to 100/],
    [{ minReplicas: 1, replicaTimeoutMs: 0 }, /replicaTimeoutMs must be a whole number from 1 to 60000/],
    [{ replicaTimeoutMs: 5 }, /replicaTimeoutMs needs minReplicas/],
  ])('refuses %j', async (options, words) => {
    const flows = broker.define<number>('r3');
    expect((await failureOf(flows.create('a', options), 'ERR_FLOW_INVALID_ARGUMENT')).message).toMatch(words);
    expect((await failureOf(flows.complete('a', 1, options), 'ERR_FLOW_INVALID_ARGUMENT')).message).toMatch(
      words,
    );
  });
});

describe('in a Cluster', () => {
  const bed = clusterBed();

  it('the replica of the flow’s own master confirms, and a failover right after keeps the flow', async () => {
    const flows = bed.broker({ commandTimeoutMs: 20_000 }).define<number>('rc');
    const ids = Array.from({ length: 30 }, bed.id);
    const created = await Promise.all(
      ids.map((id) => flows.create(id, { minReplicas: 1, replicaTimeoutMs: 5_000 })),
    );
    expect(created.map(({ replicas }) => replicas)).toEqual(ids.map(() => 1));
    const [master] = await bed.cluster.masters();
    const replica = await bed.cluster.replicaOf(master!);
    await master!.kill();
    await bed.cluster.promoted(replica);
    const records = await Promise.all(ids.map((id) => flows.get(id)));
    expect(records.map((record) => record?.status)).toEqual(ids.map(() => 'PENDING'));
    // Nobody is left to confirm what the promoted one holds.
    const settled = await Promise.allSettled(
      ids.map((id) => flows.complete(id, 1, { minReplicas: 1, replicaTimeoutMs: 200 })),
    );
    const codes = settled.map((one) =>
      one.status === 'rejected' ? (one.reason as { code: string }).code : one.value.verdict,
    );
    expect([...new Set(codes)].sort()).toEqual(['ERR_FLOW_UNDER_REPLICATED', 'applied']);
  });
});
