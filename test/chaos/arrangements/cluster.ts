import { slotOf } from '../../../src/redis/slot.js';
import { setTimeout as delay } from 'node:timers/promises';
import {
  ask,
  startCluster,
  startRedis,
  type RedisCluster,
  type RedisServer,
} from '../../../scripts/redis/index.js';
import type { Arrangement, Inflict, Means } from '../arrangement.js';
import { leftoversOn } from './leftovers.js';

const SLOTS_AT_ONCE = 5;

/** Three masters with a replica each. */
export async function cluster(): Promise<Arrangement> {
  const nodes = await startCluster();
  const bystander = await startRedis();
  return {
    redis: { cluster: nodes.nodes },
    faults: faultsOf(nodes),
    ports: [bystander.port],
    heal: () => Promise.resolve(),
    async leftovers() {
      await nodes.healthy();
      return (await Promise.all(nodes.servers.map(({ port }) => leftoversOn(port)))).flat();
    },
    async close() {
      await nodes.stop();
      await bystander.stop();
    },
  };
}

function faultsOf(nodes: RedisCluster): Record<string, Inflict> {
  const anyMaster = async ({ random }: Means): Promise<RedisServer> => random.pick(await nodes.masters());
  return {
    failover: async (means) => {
      await replacing(nodes, await anyMaster(means), means, (master) => nodes.failover(master));
      await nodes.healthy();
    },
    'kill-master': async (means) => {
      const victim = await anyMaster(means);
      await replacing(nodes, victim, means, async (master) => {
        const replica = await nodes.replicaOf(master);
        await master.kill();
        await nodes.promoted(replica);
        return replica;
      });
      await victim.restart();
      await nodes.healthy();
    },
    migrate: async (means) => {
      const from = await anyMaster(means);
      const to = (await nodes.masters()).find((master) => master !== from);
      for (let at = 0; at < SLOTS_AT_ONCE; at++) {
        const key = (await ask(from.port, 'RANDOMKEY')) as string | null;
        if (key !== null && to) await nodes.migrate(slotOf(key), to);
      }
    },
    'stop-server': async (means) => {
      const master = await anyMaster(means);
      await master.pause();
      await delay(means.random.between(100, 1_000));
      await master.resume();
    },
    'replica-lag': async (means) => {
      const replica = await nodes.replicaOf(await anyMaster(means));
      await replica.pause();
      await delay(means.random.between(100, 1_200));
      await replica.resume();
    },
    'kill-connections': async ({ random }) => {
      const { port } = random.pick(nodes.servers);
      for (const type of ['normal', 'pubsub'] as const) await ask(port, 'CLIENT', 'KILL', 'TYPE', type);
    },
  };
}

async function replacing(
  nodes: RedisCluster,
  master: RedisServer,
  { tell, over }: Means,
  replace: (master: RedisServer) => Promise<RedisServer>,
): Promise<void> {
  const from = performance.now();
  const slots = (await nodes.view()).find(({ port }) => port === master.port)?.slots ?? [];
  const after = await replace(master);
  over();
  tell({ deed: 'replaced', agoMs: performance.now() - from, ports: [master.port, after.port], slots });
}
