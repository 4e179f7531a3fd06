import { Cluster } from 'ioredis';
import { ask } from '../../scripts/redis/index.js';
import type { Broker } from '../../src/index.js';
import { failureOf } from '../helpers/errors.js';
import { until } from '../helpers/until.js';
import { clusterBed } from './support/cluster-bed.js';

const bed = clusterBed();

async function everything(here: Broker, there: Broker): Promise<void> {
  const [one, other] = [here.define<number>('c'), there.define<number>('c')];
  const ids = Array.from({ length: 60 }, () => bed.id());
  const opened = await Promise.all(ids.map((id) => one.open(id)));
  const waits = ids.map((id) => other.wait(id));
  await until('the waits are under way', () => there.stats().watches === ids.length);
  const settled = await Promise.all(ids.map((id, at) => other.complete(id, at)));
  expect(settled.map(({ verdict }) => verdict)).toEqual(ids.map(() => 'applied'));
  expect(await Promise.all(opened.map(({ outcome }) => outcome))).toEqual(ids.map((_id, at) => at));
  expect(await Promise.all(waits)).toEqual(ids.map((_id, at) => at));
  const id = bed.id();
  const results = await Promise.all([one.run(id, () => 1), other.run(id, () => 1), one.run(id, () => 1)]);
  expect(results).toEqual([1, 1, 1]);
  const late = await one.open(bed.id(), { timeoutMs: 20 });
  await failureOf(late.outcome, 'ERR_FLOW_TIMED_OUT');
  expect(here.stats().missedWakes + there.stats().missedWakes).toBe(0);
}

describe('a broker on a Cluster works', () => {
  it('over nodes', async () => {
    const [node] = bed.cluster.nodes;
    await everything(
      bed.broker(),
      bed.broker({ redis: { cluster: [`redis://127.0.0.1:${String(node!.port)}`] } }),
    );
  });

  it('over RESP2', async () => {
    const redis = { cluster: bed.cluster.nodes, protocol: 2 as const };
    await everything(bed.broker({ redis }), bed.broker({ redis }));
  });

  it('over a Cluster of the caller’s, lazy or connected, which stays as it was', async () => {
    const [lazy, eager] = [true, false].map(
      (lazyConnect) => new Cluster(bed.cluster.nodes, { lazyConnect }),
    ) as [Cluster, Cluster];
    const events = ['refresh', '-node', '+node', 'ready', 'end', 'error'];
    const listeners = (): number[] => events.map((event) => eager.listenerCount(event));
    await eager.set('mine', '1');
    const before = listeners();
    const [one, other] = [bed.broker({ redis: lazy }), bed.broker({ redis: eager })];
    await everything(one, other);
    await Promise.all([one.close(), other.close()]);
    expect(listeners()).toEqual(before);
    expect(await eager.get('mine')).toBe('1');
    for (const cluster of [lazy, eager]) cluster.disconnect();
  });
});

it.each(['a}b', '{', '}{', '{}', '{a}', 'Zoë 🦊}', '漢字{x}'])(
  'keeps the keys of the id %j in one slot',
  async (id) => {
    const flows = bed.broker().define<string>('slots');
    const { outcome } = await flows.open(id);
    expect((await flows.complete(id, id)).verdict).toBe('applied');
    expect(await outcome).toBe(id);
    await flows.delete(id);
  },
);

it('hears a flow on its shard alone, where there are sharded channels', async () => {
  const flows = bed.broker().define<number>('shard');
  const { outcome } = await flows.open('a');
  const info = String(await ask(bed.cluster.servers[0]!.port, 'INFO', 'server'));
  const sharded = Number(/redis_version:(\d+)/.exec(info)?.[1]) >= 7;
  const hearing = async (kind: string, pattern: string): Promise<number> => {
    const found = bed.cluster.servers.map(
      ({ port }) => ask(port, 'PUBSUB', kind, pattern) as Promise<string[]>,
    );
    return (await Promise.all(found)).filter((channels) => channels.length > 0).length;
  };
  // Its owner, and that one's replica.
  await until(
    'both hear it',
    async () => (await hearing(sharded ? 'SHARDCHANNELS' : 'CHANNELS', 'flow:{shard:a}')) === 2,
  );
  if (sharded) expect(await hearing('CHANNELS', 'flow:*')).toBe(0);
  await flows.complete('a', 1);
  expect(await outcome).toBe(1);
});

it('lists the flows of every master', async () => {
  const flows = bed.broker().define<number>('listed');
  const ids = Array.from({ length: 90 }, (_none, at) => `l${String(at)}`);
  await Promise.all(ids.map((id) => flows.create(id)));
  const found: string[] = [];
  for await (const { id } of flows.list()) found.push(id);
  expect(found.sort()).toEqual(ids.sort());
  await Promise.all(ids.map((id) => flows.delete(id)));
});
