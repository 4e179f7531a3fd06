import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import {
  ask,
  startRedis,
  startSentinel,
  type RedisSentinel,
  type RedisServer,
} from '../../../scripts/redis/index.js';
import type { Arrangement, Inflict, Means, Switch } from '../arrangement.js';
import { leftoversOn } from './leftovers.js';

// As long as it takes everybody to know who is the master now. One that comes back sooner, empty, takes itself for the master still.
const AWAY_MS = 3_000;

/** A master with two replicas under three Sentinels. */
export async function sentinel(): Promise<Arrangement> {
  const group = await startSentinel();
  const bystander = await startRedis();
  const switches: Switch[] = [];
  const watching = new Redis({ port: group.watchers[0]?.port ?? 0 });
  watching.on('error', () => undefined);
  watching.on('message', (_channel: string, text: string) => {
    const [, , before, , after] = text.split(' ');
    switches.push({ atMs: performance.now(), ports: [Number(before), Number(after)] });
  });
  await watching.subscribe('+switch-master');
  return {
    redis: { sentinels: group.sentinels, name: group.name },
    faults: faultsOf(group),
    ports: [bystander.port],
    heal: () => Promise.resolve(),
    switches: () => switches,
    async leftovers() {
      await group.healthy();
      return (await Promise.all(group.servers.map(({ port }) => leftoversOn(port)))).flat();
    },
    async close() {
      watching.disconnect();
      await group.stop();
      await bystander.stop();
    },
  };
}

function faultsOf(group: RedisSentinel): Record<string, Inflict> {
  const replacing = async (
    means: Means,
    replace: (master: RedisServer) => Promise<RedisServer>,
  ): Promise<RedisServer> => {
    const from = performance.now();
    const before = await group.master();
    const after = await replace(before);
    means.over();
    if (before.running) await group.healthy(); // until it is told, the old master takes itself for one
    means.tell({ deed: 'replaced', agoMs: performance.now() - from, ports: [before.port, after.port] });
    return before;
  };
  const killMaster = (means: Means): Promise<RedisServer> =>
    replacing(means, async (master) => {
      await master.kill();
      return group.replaced(master);
    });
  return {
    failover: async (means) => {
      await replacing(means, () => group.failover());
    },
    'kill-master': async (means) => {
      const killed = await killMaster(means);
      await delay(AWAY_MS);
      await killed.restart();
      await group.healthy();
    },
    'kill-restart-master': async (means) => {
      const killed = await killMaster(means);
      await killed.restart();
      await group.healthy();
    },
    'stop-server': async ({ random }) => {
      const master = await group.master();
      await master.pause();
      await delay(random.between(100, 600));
      await master.resume();
    },
    // What it was not sent in time it says late, or never: the others must be enough.
    'replica-lag': async ({ random }) => {
      const master = await group.master();
      const replica = random.pick(group.servers.filter((server) => server !== master));
      await replica.pause();
      await delay(random.between(100, 900));
      await replica.resume();
    },
    'kill-connections': async ({ random }) => {
      const { port } = random.pick(group.servers);
      for (const type of ['normal', 'pubsub'] as const) await ask(port, 'CLIENT', 'KILL', 'TYPE', type);
    },
  };
}
